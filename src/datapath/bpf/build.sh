#!/usr/bin/env bash
# Compiles forward.c to the object that the daemon carries. Needs clang with the target bpf, and the kernel's headers.
#   build.sh           forward.o, and forward.sum that says what it was made of and with
#   build.sh FILE      that file only
set -euo pipefail
cd "$(dirname "$0")"
out=${1:-forward.o}
sources="build.sh forward.c kernel.h layout.h"
include=
for dir in "/usr/include/$(uname -m)-linux-gnu"; do
    [ -d "$dir" ] && include="-isystem $dir"
done
# v3 has the atomic exchanges; kernels have it since 5.12.
# shellcheck disable=SC2086
clang -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -fdebug-prefix-map="$PWD=." $include -c forward.c -o "$out"
# The types stay (.BTF); what is for debuggers goes.
llvm-strip -g "$out"
llvm-objcopy --remove-section .BTF.ext --remove-section .rel.BTF.ext "$out"
if [ $# -eq 0 ]; then
    # shellcheck disable=SC2086
    { cat $sources | sha1sum | cut -d' ' -f1; clang --version | sed -n 's/.*clang version \([0-9]*\).*/clang \1/p'; } >forward.sum
fi
