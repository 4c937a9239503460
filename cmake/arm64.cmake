# Toolchain: 64-bit Arm from Debian on anything else, run under qemu-user. Used by tools/arm64.sh,
# which makes the folder of libraries: cmake -DCMAKE_TOOLCHAIN_FILE=cmake/arm64.cmake -DARM64_ROOT=...
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_ASM_COMPILER aarch64-linux-gnu-gcc)

list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ARM64_ROOT)
set(CMAKE_FIND_ROOT_PATH ${ARM64_ROOT} /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(ENV{PKG_CONFIG_LIBDIR} ${ARM64_ROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${ARM64_ROOT}/usr/share/pkgconfig)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${ARM64_ROOT})
# What those libraries need in turn.
set(CMAKE_EXE_LINKER_FLAGS_INIT -Wl,-rpath-link,${ARM64_ROOT}/usr/lib/aarch64-linux-gnu:${ARM64_ROOT}/lib/aarch64-linux-gnu)

# QEMU_CPU in the environment says which processor.
set(CMAKE_CROSSCOMPILING_EMULATOR
    qemu-aarch64 -L /usr/aarch64-linux-gnu
    -E LD_LIBRARY_PATH=${ARM64_ROOT}/usr/lib/aarch64-linux-gnu:${ARM64_ROOT}/lib/aarch64-linux-gnu)
