#!/bin/sh
# A still: one orientation, no rotation, photon noise. Run it in a folder with P1.hkl and
# A.mat, such as the one that "nbsim -example" makes.
set -eu
pixels=${PIXELS:-1024}
pixel=$(awk "BEGIN { print 102.4 / $pixels }")

nbsim -mat A.mat -hkl P1.hkl -lambda 1 -polar 0.9 -fluence 2e28 \
    -N 15 -water 0.5 -oversample 2 \
    -distance 140 -detpixels "$pixels" -pixel "$pixel" \
    -seed 1 -floatfile still.bin -intfile still.img -noisefile still_noise.img \
    -nopgm -preview_noise still.png
