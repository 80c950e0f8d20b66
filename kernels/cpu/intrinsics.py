# SPDX-License-Identifier: MIT
"""What LLVM must be told and numba has no word for.

`vector_loop()` as the first statement of a function sets attributes on its
machine code: 512-bit vectors where the processor has them (LLVM prefers 256),
no inlining (so that the attributes stay), and a promise that the arrays
passed do not overlap, without which a loop that gathers F is not vectorised.
Where llvmlite does not accept an attribute the code is only slower.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


@intrinsic
def vector_loop(typing_context):
    """Mark the calling function; the caller must never pass overlapping arrays."""

    def codegen(context, builder, signature, arguments):
        function = builder.function
        for attribute in ('"prefer-vector-width"="512"', "noinline"):
            # llvmlite's own set refuses attributes with a value.
            set.add(function.attributes, attribute)
        for argument in function.args:
            if isinstance(argument.type, ir.PointerType):
                argument.add_attribute("noalias")
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def call_at(typing_context, address, arguments):
    """Call the compiled kernel at an address; it takes these arguments, returns int64.

    What is called so is neither inlined nor compiled again with its caller.
    """
    kinds = arguments.types

    def codegen(context, builder, signature, values):
        address, packed = values
        parts = [builder.extract_value(packed, i) for i in range(len(kinds))]
        convention = context.call_conv
        function = convention.get_function_type(types.int64, kinds)
        function = builder.inttoptr(address, ir.PointerType(function))
        _, result = convention.call_function(
            builder, function, types.int64, kinds, parts
        )
        return result

    return types.int64(address, arguments), codegen


@intrinsic
def pointer_to(typing_context, place, element):
    """Return an address, or a pointer, as a pointer to a type of element."""
    result = types.CPointer(element.instance_type)

    def codegen(context, builder, signature, arguments):
        cast = builder.bitcast
        if isinstance(place, types.Integer):
            cast = builder.inttoptr
        return cast(arguments[0], context.get_value_type(result))

    return result(place, element), codegen


@intrinsic
def advanced(typing_context, pointer, elements):
    """Return a pointer so many elements further on."""

    def codegen(context, builder, signature, arguments):
        return builder.gep(arguments[0], [arguments[1]])

    return pointer(pointer, types.intp), codegen


def _bitcast(source, target, llvm_type):
    def codegen(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], llvm_type)

    return target(source), codegen


@intrinsic
def bits_of_float64(typing_context, x):
    """Return the 64 bits of a float64 as uint64."""
    return _bitcast(types.float64, types.uint64, ir.IntType(64))


@intrinsic
def float64_of_bits(typing_context, x):
    """Return the float64 with these 64 bits."""
    return _bitcast(types.uint64, types.float64, ir.DoubleType())


@intrinsic
def bits_of_float32(typing_context, x):
    """Return the 32 bits of a float32 as uint32."""
    return _bitcast(types.float32, types.uint32, ir.IntType(32))


@intrinsic
def float32_of_bits(typing_context, x):
    """Return the float32 with these 32 bits."""
    return _bitcast(types.uint32, types.float32, ir.FloatType())


@intrinsic
def scale_by_power_of_two64(typing_context, bits, n_bits):
    """Return bits + (n_bits << 52): multiplies a float64 by 2^n."""

    def codegen(context, builder, signature, arguments):
        shift = ir.Constant(ir.IntType(64), 52)
        return builder.add(arguments[0], builder.shl(arguments[1], shift))

    return types.uint64(types.uint64, types.uint64), codegen


@intrinsic
def scale_by_power_of_two32(typing_context, bits, n_bits):
    """Return bits + (n_bits << 23): multiplies a float32 by 2^n."""

    def codegen(context, builder, signature, arguments):
        shift = ir.Constant(ir.IntType(32), 23)
        return builder.add(arguments[0], builder.shl(arguments[1], shift))

    return types.uint32(types.uint32, types.uint32), codegen


@intrinsic
def weighted_planes(typing_context, table, first, k_stride, h_stride, wh, wk, points):
    """Fill in points[r] = sum wh[p] wk[q] table[first + p h_stride + q k_stride + r].

    r = 0 ... 3. Sixteen loads of four neighbours each, in vector registers: a loop over
    pixels would gather the 64 numbers one by one.
    """
    four = ir.VectorType(ir.DoubleType(), 4)
    index = ir.IntType(32)

    def spread(builder, x):
        vector = ir.Constant(four, ir.Undefined)
        for lane in range(4):
            vector = builder.insert_element(vector, x, ir.Constant(index, lane))
        return vector

    def weighted(builder, weights, rows):
        total = None
        for weight, row in zip(weights, rows):
            term = builder.fmul(weight, row, flags=("contract",))
            total = term if total is None else builder.fadd(total, term, ("contract",))
        return total

    def at(builder, place):
        return builder.bitcast(place, ir.PointerType(four))

    def codegen(context, builder, signature, arguments):
        table, plane, k_stride, h_stride, *given, points = arguments
        wh, wk = (
            [spread(builder, builder.extract_value(weights, i)) for i in range(4)]
            for weights in given
        )
        planes = []
        for _ in range(4):
            line, rows = plane, []
            for _ in range(4):
                place = at(builder, builder.gep(table, [line]))
                rows.append(builder.load(place, align=8))
                line = builder.add(line, k_stride)
            planes.append(weighted(builder, wk, rows))
            plane = builder.add(plane, h_stride)
        builder.store(weighted(builder, wh, planes), at(builder, points), align=8)
        return context.get_dummy_value()

    weights = types.UniTuple(types.float64, 4)
    place = types.uint64
    return types.void(table, place, place, place, weights, weights, points), codegen


@intrinsic
def square_of_sum(typing_context, table, first, factors):
    """Return |part_0 + sum_j c_j part_j|^2, the parts side by side from `first` on.

    A part is two float32, real and imaginary, in one element of a table of float64;
    `factors` has real and imaginary part of each c_j. Both are worked on together, in
    one register: a loop over pixels cannot be made of vectors, every part is a read.
    """
    single, double = (ir.VectorType(t, 2) for t in (ir.FloatType(), ir.DoubleType()))
    index = ir.IntType(32)
    swap = ir.Constant(ir.VectorType(index, 2), [1, 0])

    def pair(builder, x, y):
        vector = ir.Constant(double, ir.Undefined)
        vector = builder.insert_element(vector, x, index(0))
        return builder.insert_element(vector, y, index(1))

    def codegen(context, builder, signature, arguments):
        table, first, packed = arguments
        undefined = ir.Constant(double, ir.Undefined)

        def part(number):
            place = builder.gep(table, [builder.add(first, first.type(number))])
            place = builder.bitcast(place, ir.PointerType(single))
            return builder.fpext(builder.load(place, align=8), double)

        def plus(total, factor, vector):
            product = builder.fmul(factor, vector, flags=("contract",))
            return builder.fadd(total, product, flags=("contract",))

        total = part(0)
        for number in range(len(factors) // 2):
            vector = part(number + 1)
            real = builder.extract_value(packed, 2 * number)
            imaginary = builder.extract_value(packed, 2 * number + 1)
            total = plus(total, pair(builder, real, real), vector)
            across = pair(builder, builder.fneg(imaginary), imaginary)
            swapped = builder.shuffle_vector(vector, undefined, swap)
            total = plus(total, across, swapped)
        squares = builder.fmul(total, total)
        return builder.fadd(
            builder.extract_element(squares, index(0)),
            builder.extract_element(squares, index(1)),
        )

    return types.float64(table, types.uint64, factors), codegen


@intrinsic
def fetch_add(typing_context, pointer, n):
    """Add n to the int64 at a pointer, at once for all threads; return what it was."""

    def codegen(context, builder, signature, arguments):
        return builder.atomic_rmw("add", arguments[0], arguments[1], "monotonic")

    return types.int64(pointer, types.int64), codegen


@intrinsic
def record_at(typing_context, pointer, index):
    """Return the record so many further on from a pointer, itself, not a copy."""

    def codegen(context, builder, signature, arguments):
        return builder.gep(arguments[0], [arguments[1]])

    return pointer.dtype(pointer, types.intp), codegen


@intrinsic
def prefetch(typing_context, pointer, index):
    """Ask for what is so many elements further on from a pointer."""

    def codegen(context, builder, signature, arguments):
        byte, number = ir.PointerType(ir.IntType(8)), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = builder.module.globals.get("llvm.prefetch.p0")
        if function is None:
            function = ir.Function(builder.module, kind, "llvm.prefetch.p0")
        place = builder.bitcast(builder.gep(arguments[0], [arguments[1]]), byte)
        # To read, keep close, data.
        builder.call(function, [place, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(pointer, types.intp), codegen
