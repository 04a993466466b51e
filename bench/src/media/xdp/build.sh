#!/usr/bin/env bash
# Compiles load.c to the object that patchbay-load carries. Needs clang with the target bpf, and the kernel's headers.
#   build.sh [FILE]    default: load.o beside this script
set -euo pipefail
cd "$(dirname "$0")"
out=${1:-load.o}
include=
for dir in "/usr/include/$(uname -m)-linux-gnu"; do
    [ -d "$dir" ] && include="-isystem $dir"
done
# shellcheck disable=SC2086
clang -target bpf -O2 -g -Wall -Wextra -Werror -fdebug-prefix-map="$PWD=." $include -c load.c -o "$out"
# The types of the maps stay (.BTF); what is for debuggers goes.
llvm-strip -g "$out"
llvm-objcopy --remove-section .BTF.ext --remove-section .rel.BTF.ext "$out"
