#!/bin/sh
# A bad crystal in a bad beam: one degree of mosaic spread, 4 mrad of divergence and one
# per cent of bandwidth. Every combination of source and domain is a term of each pixel.
set -eu
pixels=${PIXELS:-1024}
pixel=$(awk "BEGIN { print 102.4 / $pixels }")

nbsim -mat A.mat -hkl P1.hkl -lambda 1 -polar 0.9 -fluence 2e28 \
    -N 15 -mosaic 1 -mosaic_domains 12 -water 0.5 -oversample 1 \
    -hdivrange 4 -vdivrange 4 -hdivsteps 3 -vdivsteps 3 -dispersion 1 -dispsteps 3 \
    -distance 140 -detpixels "$pixels" -pixel "$pixel" \
    -nonoise -nopgm -floatfile mosaic.bin -intfile mosaic.img -preview mosaic.png
