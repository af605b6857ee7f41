/* SPDX-License-Identifier: MIT */
/*
 * libctrace-stub.so: the library for /etc/ld.so.preload, and for LD_PRELOAD in a pod whose containers have different C
 * libraries. It has no code, and needs nothing: it is an auxiliary filter (DT_AUXILIARY) of the libctrace.so beside it.
 * glibc's loader puts that library in front of the stub, as if it had been preloaded itself, or goes on without it if
 * it is missing or for another processor. musl's loader knows no filters, and loads nothing. The library is found by
 * DT_RUNPATH, because glibc ends a set-user-ID program if $ORIGIN is part of a filter's name.
 *
 * libctrace.so finds this symbol, and behaves as life/fleet.h says.
 */
__attribute__((visibility("default"))) extern const char ct_stub[1];
const char ct_stub[1] = {1};
