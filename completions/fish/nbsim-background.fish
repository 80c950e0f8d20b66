# SPDX-License-Identifier: MIT
source (status dirname)/nbsim.fish
