# SPDX-License-Identifier: MIT
"""The differences between Valgrind and ctrace that are intended, one rule each, with the reason."""

import functools
import os
import re
import subprocess

C_LIBRARY = ("/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2")


class Rule:
    """valgrind and ctrace map (stack, counters) to (stack, counters) for their side, or are None."""

    def __init__(self, why, valgrind=None, ctrace=None):
        self.why, self.valgrind, self.ctrace = why, valgrind, ctrace


def _debug_file(path):
    notes = subprocess.run(["readelf", "-n", path], capture_output=True, text=True, check=True).stdout
    build_id = re.search(r"Build ID: ([0-9a-f]+)", notes).group(1)
    return f"/usr/lib/debug/.build-id/{build_id[:2]}/{build_id[2:]}.debug"


@functools.lru_cache(None)
def _aliases():
    """Maps each name in the C library or the loader to one name for all names of the same address."""
    classes = {}
    for path in C_LIBRARY:
        by_address = {}
        debug = _debug_file(os.path.realpath(path))
        for options in (["-D", path], [debug] if os.path.exists(debug) else None):
            if not options:
                continue
            shown = subprocess.run(["nm", "--defined-only", *options], capture_output=True, text=True, check=True).stdout
            for line in shown.splitlines():
                address, kind, name = line.split(" ", 2)
                if kind in "TtWwVi":
                    by_address.setdefault(address, set()).add(name.partition("@")[0])
        for names in by_address.values():
            merged = set(names).union(*(classes.get(name, ()) for name in names))
            for name in merged:
                classes[name] = merged
    return {name: min(names) for name, names in classes.items() if len(names) > 1}


def same_names(function):
    """A function of the C library can have several names (strdup, __strdup), of which the tools may choose different ones."""
    return _aliases().get(function, function)


def _strip_operator_new(stack, counters):
    while stack[0][0].startswith("operator new") and stack[0][1].startswith("libstdc++"):
        stack.pop(0)
    return stack, counters


def _hide_start_user(stack, counters):
    function, place = stack[-1]
    return stack[:-1] + [("???" if function == "_dl_start_user" else function, place)], counters


def _rename_clone3(stack, counters):
    if stack[-1][0] == same_names("__clone3"):
        stack[-1] = ("clone", "")
    return stack, counters


def _rename_clone(stack, counters):
    if stack[-1][0] == same_names("clone"):
        stack[-1] = ("clone", "")
    return stack, counters


VECTOR_SLOT_BYTES = 16


def _shrink_vectors(stack, counters):
    """Reduce tb, gb and eb by the slots of each of their blocks."""
    if any(function == "allocate_dtv" for function, _ in stack):
        for at in (0, 2, 4):
            counters[at] -= VECTOR_SLOT_BYTES * counters[at + 1]
    return stack, counters


def _hide_context_start(stack, counters):
    if stack[-1][0] == "__start_context":
        stack[-1] = ("???", os.path.basename(os.path.realpath(C_LIBRARY[0])))
    return stack, counters


def _plain_allocate(stack, counters):
    whole = re.compile(r"std::allocator_traits<.*>::allocate\(")
    return [("allocate" if whole.match(function) else function, place) for function, place in stack], counters


RULES = {
    "operator_new": Rule(
        "Valgrind puts its own operator new in place of libstdc++'s, so its frame is the allocator's, not the "
        "program's; with ctrace, libstdc++'s own calls malloc and is a frame.",
        ctrace=_strip_operator_new,
    ),
    "start_user": Rule(
        "The loader's entry is a symbol without a size. Valgrind ignores such symbols; we name it.",
        ctrace=_hide_start_user,
    ),
    "plain_allocate": Rule(
        "Where gcc 14 gives an inlined member a linkage name, Valgrind prints its plain name and we the whole one.",
        valgrind=_plain_allocate,
        ctrace=_plain_allocate,
    ),
    "no_clone3": Rule(
        "Valgrind 3.19 does not know the system call clone3, so the C library falls back to clone.",
        valgrind=_rename_clone,
        ctrace=_rename_clone3,
    ),
    "thread_vector": Rule(
        "The loader's vector of thread-local data has a slot of 16 bytes for each module with such data. One "
        "more is loaded here: libctrace.so.",
        ctrace=_shrink_vectors,
    ),
    "coroutine_start": Rule(
        "makecontext makes the first byte of __start_context a return address. Valgrind looks up the byte "
        "before it, where no function is.",
        ctrace=_hide_context_start,
    ),
}
