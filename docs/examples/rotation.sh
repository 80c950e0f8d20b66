#!/bin/sh
# A rotation image: one degree in 20 steps. The same inputs as still.sh.
set -eu
pixels=${PIXELS:-1024}
pixel=$(awk "BEGIN { print 102.4 / $pixels }")

nbsim -mat A.mat -hkl P1.hkl -lambda 1 -polar 0.9 -fluence 2e28 \
    -N 15 -mosaic 0.2 -mosaic_domains 5 -water 0.5 -oversample 2 \
    -phi 30 -osc 1 -phisteps 20 \
    -distance 140 -detpixels "$pixels" -pixel "$pixel" \
    -seed 1 -floatfile rotation.tif -intfile rotation.img -noisefile rotation_noise.img \
    -nopgm -preview rotation.png
