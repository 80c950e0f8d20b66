#!/bin/sh
# Small angles: one unit cell (-N 1) has no lattice, so the structure factors are
# interpolated between the whole indices. F(000) must be in the list.
set -eu
pixels=${PIXELS:-1024}
pixel=$(awk "BEGIN { print 102.4 / $pixels }")

nbsim -mat A.mat -hkl P1.hkl -lambda 1 -N 1 -interpolate -oversample 1 \
    -distance 400 -detpixels "$pixels" -pixel "$pixel" \
    -nonoise -nopgm -floatfile saxs.bin -intfile saxs.img \
    -preview saxs.png -preview_color heat
