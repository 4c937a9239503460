#!/bin/bash
# arm64.sh - builds for 64-bit Arm and runs that under emulation: same bits as here?
#
# Every kernel of every Arm tier against plain C (hearth-check), its mutants, the unit tests of what
# computes, and logits: those of the numerics version, pinned on another machine, and those of a few
# models beside this machine's own build. On three processors, so that the choice of a tier is tested
# too. Skips itself, with a sentence, where the compiler, the emulator or the libraries cannot be
# had; "make setup-arm64" installs the first two.
cd "$(dirname "$0")/.." || exit 1
: "${BUILD:=build}" "${JOBS:=2}"
. tools/tally.sh
out=$BUILD/arm64 passed=0 failed=0 skipped=0
mkdir -p "$out"

skip() {
    echo "arm64: skipped: $*"
    tally arm64 0 0 1
    exit 0
}

for tool in aarch64-linux-gnu-gcc qemu-aarch64 pkg-config cmake ninja; do
    command -v $tool >/dev/null || skip "$tool is missing; 'make setup-arm64' installs it"
done
why=$(tools/arm64_root.sh "$out/root") || skip "no libraries for arm64: $why"

units=
for floor in kern op run; do
    for test in tests/unit/$floor/*_test.c; do units="$units unit_${floor}_$(basename "$test" .c)"; done
done

native() { # what the emulated program is compared with
    tools/build.sh && ninja -C "$BUILD" -j "$JOBS" mkmodel
}
cross() {
    cmake -S . -B "$out" -G Ninja -DCMAKE_TOOLCHAIN_FILE=cmake/arm64.cmake \
        -DARM64_ROOT="$PWD/$out/root" -DHEARTH_SERVER=OFF -DCMAKE_COMPILE_WARNING_AS_ERROR=ON &&
        ninja -C "$out" -j "$JOBS" hearth_bin hearth-check golden_numerics_test $units
}
native >"$out/build.log" 2>&1 && cross >>"$out/build.log" 2>&1 || {
    tail -n 60 "$out/build.log"
    tally arm64 0 1 0
    exit 1
}

lib=$PWD/$out/root/usr/lib/aarch64-linux-gnu:$PWD/$out/root/lib/aarch64-linux-gnu
emulator="qemu-aarch64 -L /usr/aarch64-linux-gnu -E LD_LIBRARY_PATH=$lib"
export HEARTH_NO_CAGE=1 # the emulator takes no filter of system calls
export HEARTH_EMULATOR=$emulator HEARTH_DATA=${HEARTH_DATA:-$PWD/../shared/data}

check() { # check NAME PROCESSOR COMMAND...
    local name=$1 log=$out/run.log rc=0
    export QEMU_CPU=$2
    shift 2
    "$@" >"$log" 2>&1 </dev/null || rc=$?
    if [ $rc = 0 ]; then
        passed=$((passed + 1))
        echo "arm64 $name ($QEMU_CPU): passed"
    elif [ $rc = 77 ]; then # no data
        skipped=$((skipped + 1))
        echo "arm64 $name ($QEMU_CPU): skipped"
    else
        failed=$((failed + 1))
        tail -n 40 "$log"
        echo "arm64 $name ($QEMU_CPU): failed"
    fi
}

picks() { # the tier a processor gets
    [[ $($emulator "$out/hearth" version) == *"$1 (picked)"* ]]
}
same_logits() { # same_logits MODEL [option...]: here and there
    local model=$1
    shift
    rm -f "$out/here.f32" "$out/there.f32"
    "$BUILD/hearth" logits "$model" --tokens "$out/ids" --out "$out/here.f32" &&
        $emulator "$out/hearth" logits "$model" --tokens "$out/ids" --out "$out/there.f32" "$@" &&
        cmp "$out/here.f32" "$out/there.f32"
}

check "picks neon" cortex-a72 picks neon
check "picks neondot" neoverse-n1 picks neondot
check "picks neoni8mm" max picks neoni8mm
for test in $units; do
    check "$test" max $emulator "$out/tests/$test"
done
check "hearth-check" max $emulator "$out/hearth-check" --quick
check "hearth-check neondot" neoverse-n1 $emulator "$out/hearth-check" --quick --tier neondot
check "hearth-check neon" cortex-a72 $emulator "$out/hearth-check" --quick --tier neon
check "hearth-check mutants" max $emulator "$out/hearth-check" --quick --mutants
for processor in cortex-a72 neoverse-n1 max; do
    check "golden_numerics_test" $processor $emulator "$out/tests/golden_numerics_test"
done

seq 5 3 150 >"$out/ids" # tokens of a page and a bit
for type in Q4_K Q6_K Q8_0 Q4_0 IQ4_XS MXFP4 F16; do
    "$BUILD/mkmodel" "$out/m.gguf" vocab=512 embd=256 ff=512 layers=2 head_dim=64 type=$type
    check "logits $type" max same_logits "$out/m.gguf"
done
check "logits Q4_0" cortex-a72 same_logits "$out/m.gguf"
check "logits Q4_0, another cut" neoverse-n1 same_logits "$out/m.gguf" --threads 2 --chunk 7

tally arm64 $passed $failed $skipped
[ $failed = 0 ]
