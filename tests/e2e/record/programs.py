# SPDX-License-Identifier: MIT
"""The small programs of tests/programs, whose allocations are known to the byte."""

import glob
import os

from lib import trace
from lib.harness import check, check_equal, check_in, program, test, wait_for

# Function: tb tbk mb mbk gb gbk eb ebk, summed over its sites.
SITES = {
    "do_malloc": (600, 6, 600, 6, 0, 0, 0, 0),
    "do_calloc": (200, 1, 200, 1, 200, 1, 200, 1),
    "do_grow": (100550, 3, 100000, 1, 0, 0, 0, 0),
    "do_shrink": (1010, 2, 1000, 1, 10, 1, 10, 1),
    "do_realloc_null": (77, 1, 77, 1, 77, 1, 77, 1),
    "do_realloc_zero": (33, 1, 33, 1, 0, 0, 0, 0),
    "do_failures": (64, 1, 64, 1, 0, 0, 0, 0),
    "do_posix_memalign": (300, 1, 300, 1, 300, 1, 300, 1),
    "do_aligned_alloc": (256, 1, 256, 1, 256, 1, 256, 1),
    "do_memalign": (99, 1, 99, 1, 0, 0, 0, 0),
    "do_valloc": (5000, 1, 5000, 1, 0, 0, 0, 0),
    "do_pvalloc": (5000, 1, 5000, 1, 0, 0, 0, 0),
    "do_reallocarray": (297, 2, 220, 1, 0, 0, 0, 0),
    "do_malloc_zero": (0, 1, 0, 1, 0, 1, 0, 1),
    "do_other_frees": (39, 3, 39, 3, 0, 0, 0, 0),
    "do_peak": (1 << 20, 1, 1 << 20, 1, 1 << 20, 1, 0, 0),
}


@test()
def allocation_functions(context):
    report = trace.one(context, [program("sites")])
    for function, wanted in SITES.items():
        trace.check_below(report, function, wanted)
    for column, key in enumerate(trace.SUMMED):
        if key not in ("mb", "mbk"):
            check_equal(report.total(key), sum(row[column] for row in SITES.values()), "total of " + key)
    resizes = {function: sum(s["rszk"] for s in report.leaf(function)) for function in SITES}
    check_equal({f: n for f, n in resizes.items() if n}, {"do_grow": 2, "do_shrink": 1, "do_reallocarray": 1}, "resizes")
    # do_malloc does not free the last of its three blocks first, so no block is temporary. do_peak's block is temporary.
    temporary = {function: sum(s["tmpk"] for s in report.leaf(function)) for function in ("do_malloc", "do_peak")}
    check_equal(temporary, {"do_malloc": 0, "do_peak": 1}, "temporary blocks")
    check_equal(report.losses["unknownFrees"], 0, "unknown frees")
    trace.check_rooted(report)


@test()
def details_of_blocks(context):
    """Moves, copied bytes, slack and sizes equal those that the program counted, with each allocator."""
    keys = ("mvk", "cpb", "slb", "szl", "szm")
    others = [path for name in ("jemalloc", "mimalloc") for path in glob.glob(f"/usr/lib/*/lib{name}.so.[0-9]")]
    for library in [""] + others:
        env = trace.environment(context)
        env["LD_PRELOAD"] += ":" + library
        result = context.run([program("details")], env=env).check()
        report = trace.reports(context)[result.pid]
        for line in result.stdout.splitlines():
            function, *numbers = line.split()
            sites = report.leaf(function)
            sums = [sum(site[key] for site in sites) for key in keys[:3]]
            got = sums + [min(site["szl"] for site in sites), max(site["szm"] for site in sites)]
            check_equal(dict(zip(keys, got)), dict(zip(keys, map(int, numbers))), f"{function} with {library}")
        moves = sum(site["mvk"] for site in report.sites)
        check(0 < moves, "no block moved")
        for site in report.sites:
            check(site["fat"] <= site["lat"] <= report.data["te"], "times of the first and the latest allocation")
        os.remove(report.path)
    return f"{len(others)} allocators beside the C library's"


@test()
def equal_peaks(context):
    """Of equal peaks the latest counts, for the process and for each site."""
    report = trace.one(context, [program("ties")])
    trace.check_below(report, "tie_early", (1000, 1, 1000, 1, 0, 0))
    trace.check_below(report, "tie_two_blocks", (3000, 7, 1000, 4, 0, 0))
    trace.check_below(report, "tie_by_resize", (1510, 3, 1000, 1, 0, 0))
    trace.check_below(report, "tie_latest", (1100, 3, 1000, 2, 1000, 2))
    trace.check_below(report, "below_the_tie", (999, 1, 999, 1, 0, 0))


@test()
def cxx(context):
    report = trace.one(context, [program("cxx")])
    space = "(anonymous namespace)::"
    trace.check_below(report, space + "do_new()", (40, 1, 40, 1), ("tb", "tbk", "mb", "mbk"))
    trace.check_below(report, space + "do_new_array()", (1234, 1, 0, 0), ("tb", "tbk", "eb", "ebk"))
    trace.check_below(report, space + "do_new_aligned()", (128, 1, 0), ("tb", "tbk", "eb"))
    for way in ("do_new_odd", "do_new_array_odd", "do_new_odd_nothrow", "do_new_array_odd_nothrow"):
        trace.check_below(report, f"{space}{way}()", (65, 1, 65, 1, 0, 0), ("tb", "tbk", "mb", "mbk", "eb", "ebk"))
    trace.check_below(report, space + "do_aligned_alloc_after_new()", (65 + 128, 2, 0, 0), ("tb", "tbk", "eb", "ebk"))
    trace.check_below(report, space + "do_aligned_alloc_after_plain_new()", (100 + 128, 2, 0, 0), ("tb", "tbk", "eb", "ebk"))
    trace.check_below(report, space + "do_new_nothrow()", (40, 1, 40, 1), ("tb", "tbk", "eb", "ebk"))
    # do_vector: 4 * (1 + 2 + 4 + ... + 128) bytes. Then 20 nodes of 72 bytes and 20 strings.
    trace.check_below(report, space + "do_vector()", (1020, 8, 0, 0), ("tb", "tbk", "eb", "ebk"))
    trace.check_below(report, space + "do_map()", (20 * 72 + sum(range(101, 121)), 40, 0), ("tb", "tbk", "eb"))
    trace.check_below(report, space + "holder::holder()", (55 * 321, 55, 0), ("tb", "tbk", "eb"))
    trace.check_below(report, space + "do_bad_alloc()", (1, 0), ("tbk", "ebk"))
    trace.check_rooted(report)


@test()
def aligned_new_of_other_allocators(context):
    """The operators of other allocators also round up, or do not go through malloc at all."""
    for name in ("jemalloc", "mimalloc", "tcmalloc_minimal"):
        for library in glob.glob(f"/usr/lib/*/lib{name}.so.[0-9]"):
            env = trace.environment(context)
            env["LD_PRELOAD"] += ":" + library
            result = context.run([program("cxx"), "no bad_alloc"], env=env).check()
            report = trace.reports(context)[result.pid]
            for way in ("do_new_odd", "do_new_array_odd", "do_new_odd_nothrow", "do_new_array_odd_nothrow"):
                trace.check_below(report, f"(anonymous namespace)::{way}()", (65, 1, 0, 0), ("tb", "tbk", "eb", "ebk"))


@test()
def deep_stacks(context):
    """A stack of 100 frames is whole. A stack of 600 has its leaf side and its root side, and the cut is marked."""
    report = trace.one(context, [program("deep"), "5", "100", "600"])
    whole = [site for site in report.sites if not site.cut]
    cut = [site for site in report.sites if site.cut]
    check_equal(sorted(site.functions().count("recurse") for site in whole), [5, 5, 100, 100], "frames of recurse")
    check_equal((len(cut), report.losses["truncated"]), (2, 2), "stacks that were cut")
    for site in cut:
        check_equal((site.functions()[0], site.functions()[-1]), ("deep_leaf", "_start"), "ends of a cut stack")
        check_equal(sum(frame.mark for frame in site.frames), 1, "marks in a cut stack")
        check(480 <= len(site.frames) <= 513, f"a cut stack has {len(site.frames)} frames")
    check_equal(report.total("tb"), 300, "total bytes")

    shallow = trace.one(context, [program("deep"), "5", "100"], CTRACE_DEPTH=40)
    check_equal(shallow.losses["truncated"], 2, "stacks cut at 40 frames")
    check(all(len(site.frames) <= 41 for site in shallow.sites), "a stack is longer than the limit")


@test()
def before_and_after_main(context):
    report = trace.one(context, [program("early")])
    for function, row in {
        "in_preinit": (11, 1, 0),
        "in_constructor": (22, 1, 0),
        "main": (55, 1, 0),
        "in_atexit": (33, 1, 33),
        "in_destructor": (484, 2, 44),
    }.items():
        sums = [sum(site[key] for site in report.leaf(function)) for key in ("tb", "tbk", "eb")]
        check_equal(sums, list(row), function)


# For each way: status, programs with a report in the order of their names, and the bytes below some functions.
CHILDREN = {
    "fork": (21, ["children"] * 2),
    "fork-exec": (22, ["children"] * 2),
    "fork-fork": (23, ["children"] * 3),
    "vfork": (22, ["children"] * 2),
    "vfork-exit": (24, ["children"]),
    "spawn": (22, ["children"] * 2),
    "system": (22, ["children", "children", "dash"]),
    "popen": (22, ["children", "children", "dash"]),
}


@test()
def children(context):
    for how, (status, names) in CHILDREN.items():
        result = trace.run(context, [program("children"), how], status)
        found = trace.reports(context)
        programs = [os.path.basename(report.data["cmd"].split(" ")[0]) for report in found.values()]
        programs = sorted("dash" if name == "sh" else name for name in programs)
        check_equal(programs, names, how + ": programs with a report")
        parent = found.pop(result.pid)
        trace.check_below(parent, "parent_blocks", (500, 5, 500, 5, 500, 5, 0, 0))
        trace.check_below(parent, "parent_after", (17, 1, 17), ("tb", "tbk", "eb"))
        leaves = [report for report in found.values() if report.below("leaf_blocks")["tb"]]
        check_equal(len(leaves), 0 if how in ("fork", "vfork-exit") else 1, how + ": reports of the leaf")
        if how == "fork":
            # The child continues with a copy of its parent's recording.
            (child,) = found.values()
            trace.check_below(child, "parent_blocks", (500, 5, 500, 5), ("tb", "tbk", "mb", "mbk"))
            trace.check_below(child, "parent_blocks", (300, 3), ("eb", "ebk"))
            trace.check_below(child, "child_blocks", (150, 3, 150, 3), ("tb", "tbk", "eb", "ebk"))
        for path in glob.glob(context.path("out.*")):
            os.remove(path)


@test()
def exec_keeps_the_old_image(context):
    """The new image has the pid of the old one. Both have a report that *.json finds, and no store stays."""
    result = trace.run(context, [program("children"), "exec"], 22)
    check_equal(glob.glob(context.path("*.store")), [], "stores")
    reports = [trace.dhat.check_file(path) for path in sorted(glob.glob(context.path("out.*.json")))]
    check_equal(len(reports), 2, f"reports ({os.listdir(context.folder)})")
    leaf, old = sorted(reports, key=lambda report: report.below("parent_blocks")["tb"])
    trace.check_below(leaf, "leaf_blocks", (4321, 1), ("tb", "tbk"))
    check_equal((leaf.data["pid"], old.data["pid"]), (result.pid, result.pid), "pids")
    trace.check_below(old, "parent_blocks", (500, 5, 500, 5), ("tb", "tbk", "eb", "ebk"))


@test()
def one_name_for_all(context):
    """Without %p in CTRACE_OUT, each of the programs that a script starts one after the other has its own report."""
    script = f"for i in 1 2 3; do (exec {program('sites')}); done; exit 0"
    trace.run(context, ["sh", "-c", script], out="out.json")
    reports = [trace.dhat.check_file(path) for path in glob.glob(context.path("out.*.json"))]
    check_equal(len({report.data["pid"] for report in reports}), 3, f"programs with a report ({os.listdir(context.folder)})")
    check_equal({report.data["cmd"] for report in reports}, {program("sites")}, "programs")


@test()
def no_children(context):
    """With CTRACE_CHILDREN=0 only the first process is recorded."""
    for how in ("spawn", "fork-exec", "system"):
        result = trace.run(context, [program("children"), how], 22, CTRACE_CHILDREN=0)
        found = trace.reports(context)
        leaves = [report for report in found.values() if report.below("leaf_blocks")["tb"]]
        check(result.pid in found and not leaves, f"{how}: {len(leaves)} reports of programs that it started")
        for path in glob.glob(context.path("out.*")):
            os.remove(path)


@test()
def signal_handlers(context):
    """Handlers on an alternate stack and on main's: stacks continue through the frame that the kernel made."""
    report = trace.one(context, [program("altstack")])
    trace.check_below(report, "handler_blocks", (4440, 20, 1230, 10), ("tb", "tbk", "eb", "ebk"))
    trace.check_below(report, "wait_for_signal", (4440, 20), ("tb", "tbk"))
    for site in report.sites:
        functions = site.functions()
        check_equal(functions[:2], ["handler_blocks", "on_signal"], "leaf side")
        check(functions.index("main") > functions.index("wait_for_signal"), f"order: {functions}")
    check_equal(report.losses["unrooted"], 0, "stacks without their root")


@test()
def coroutines(context):
    report = trace.one(context, [program("coroutine")])
    sums = {root: [0, 0] for root in ("first", "second", "main")}
    for site in report.sites:
        (root,) = [name for name in sums if site.calls_from(name)]
        sums[root][0] += site["tb"]
        sums[root][1] += site["tbk"]
    # Each has 20 turns. The 20th turn of second comes before the loop of first ends.
    check_equal(sums, {"first": [2200, 40], "second": [4200, 40], "main": [110, 2]}, "bytes and blocks by stack")
    trace.check_rooted(report)


@test()
def long_jumps(context):
    report = trace.one(context, [program("jumps")])
    check_equal(report.total("tbk"), 60, "blocks")
    for function, size in (("left", 31), ("right", 32), ("down_and_jump", 30)):
        sites = [site for site in report.sites if site.calls_from(function)]
        depths = sorted(site.functions().count(function) for site in sites)
        check_equal(depths, list(range(1, 21)), "frames of " + function)
        check_equal({site["tb"] for site in sites}, {size}, "bytes of " + function)
        others = {"left", "right", "down_and_jump"} - {function}
        check(not any(site.calls_from(other) for site in sites for other in others), function + ": a stack that was left")


@test()
def two_ways(context):
    """A remembered stack must not be used for one that differs only in a saved frame pointer."""
    report = trace.one(context, [program("moved")])
    trace.check_below(report, "go", (64 * 70, 64))
    trace.check_below(report, "detour", (32 * 70, 32))


@test()
def hard_frames(context):
    """alloca, arrays of variable length, realigned stacks; with and without frame pointers, and without unwind tables."""
    for name in ("frames", "frames_fp", "frames_bare", "frames_avx"):
        report = trace.one(context, [program(name)])
        stacks = {}
        for site in report.sites:
            functions = site.functions()
            stack = tuple(functions[: functions.index("main") + 1])
            stacks[stack] = stacks.get(stack, 0) + site["tb"]
        wanted = {
            ("frame_blocks", "with_alloca", "main"): 100,
            ("frame_blocks", "with_array", "main"): 200,
            ("frame_blocks", "with_realigned_stack", "main"): 300,
            ("frame_blocks", "with_alloca", "with_realigned_stack", "main"): 100,
            ("frame_blocks", "with_all_registers", "main"): 400,
        }
        check_equal(stacks, wanted, name)


@test()
def unloaded_plugins(context):
    """Code of an unloaded library keeps its names. The library is recognised when it is loaded again."""
    a, b = program("plugin_a.so"), program("plugin_b.so")
    report = trace.one(context, [program("plugin_host"), a, b, a, b, a])
    trace.check_below(report, "plugin_a_blocks", (3 * 1000 + 101 + 103 + 105, 6, 309, 3), ("tb", "tbk", "eb", "ebk"))
    trace.check_below(report, "plugin_b_blocks", (2 * 2000 + 102 + 104, 4, 206, 2), ("tb", "tbk", "eb", "ebk"))
    for letter in "ab":
        for site in report.leaf(f"plugin_{letter}_blocks"):
            check_equal(site.frames[0].file, f"plugin_{letter}.c", "source file")
            check_equal(os.path.basename(site.frames[0].module), f"plugin_{letter}.so", "module")
        check_equal(len(report.leaf(f"plugin_{letter}_blocks")), 2, f"sites of plugin_{letter}")


@test()
def threads(context):
    """Blocks that are allocated in one thread and resized or freed in another belong to the site that allocated them."""
    report = trace.one(context, [program("threads"), "3", "1000"])
    made = sum(50 + i % 7 * 100 for i in range(1000)) + 100 * 2000
    trace.check_below(report, "make_block", (3 * made, 3 * 1100, 3 * 10 * 2000, 3 * 10), ("tb", "tbk", "eb", "ebk"))
    check_equal(report.below("resize_block")["tbk"], 0, "blocks that belong to the resizing site")
    trace.check_rooted(report)


@test()
def addresses_used_again_at_once(context):
    """
    Before free or realloc returns, another thread already gets the address. Its block must not be taken for the old one. The
    allocator that comes after ours makes sure that this happens.
    """
    env = trace.environment(context)
    env["LD_PRELOAD"] += ":" + program("libreuse.so")
    for pairs, rounds in ((2, 3000), (5, 1000)):
        result = context.run([program("threads"), str(pairs), str(rounds)], env=env).check()
        report = trace.reports(context)[result.pid]
        made = sum(50 + i % 7 * 100 for i in range(rounds)) + rounds // 10 * 2000
        kept = rounds // 100
        wanted = [pairs * n for n in (made, rounds + rounds // 10, kept * 2000, kept)]
        trace.check_below(report, "make_block", wanted, ("tb", "tbk", "eb", "ebk"))
        check_equal(report.losses["unknownFrees"], 0, "frees of unknown blocks")
        os.remove(report.path)


@test()
def other_folder(context):
    """A relative name is relative to the folder at start."""
    context.make_folder("elsewhere")
    env = trace.environment(context)
    env["CTRACE_OUT"] = "here.json"
    context.run([program("places"), "chdir", context.path("elsewhere")], env=env).check()
    trace.check_below(trace.dhat.check_file(context.path("here.json")), "place_blocks", (5600, 11), ("tb", "tbk"))
    check_equal(os.listdir(context.path("elsewhere")), [], "files in the new folder")


@test()
def closed_descriptors(context):
    """The program closes all descriptors and uses their numbers itself. We do not write to its file."""
    file = context.path("file")
    report = trace.one(context, [program("places"), "closefrom", file])
    trace.check_below(report, "place_blocks", (2 * 5600, 22), ("tb", "tbk"))
    with open(file, encoding="ascii") as own:
        check_equal(own.read(), "mine\n", "the program's own file")


@test()
def daemon(context):
    """A daemon's stderr is its log. It leaves a report when it ends."""
    folder = context.make_folder("daemon")
    env = trace.environment(context)
    del env["CTRACE_QUIET"]
    context.run([program("places"), "daemon", folder], env=env).check()

    def is_done():
        return len(glob.glob(context.path("out.*.json"))) >= 2 and not glob.glob(context.path("*.store"))

    # Those of the parent and the daemon. The process between them has no events.
    wait_for(is_done, "the daemon's report")
    found = trace.reports(context)
    daemons = [report for report in found.values() if report.below("place_blocks")["tb"]]
    check_equal(len(daemons), 1, "reports of the daemon")
    trace.check_below(daemons[0], "place_blocks", (2 * 5600, 22), ("tb", "tbk"))
    with open(os.path.join(folder, "log"), encoding="ascii") as log:
        check_equal(log.read(), "working\n", "the daemon's log")


@test()
def fork_in_a_shell(context):
    """
    Subshells, pipes and background jobs: each program has a report, and the shell's output is the same. The shell's children
    that allocated before they became cat and sleep have left nothing.
    """
    script = "x=$(echo inner); (echo sub; exit 3); echo $? $x | cat; sleep 0.1 & wait; echo end"
    plain = context.run(["/bin/sh", "-c", script]).check().stdout
    result = trace.run(context, ["/bin/sh", "-c", script], out="out.%e.%p.json")
    check_equal(result.stdout, plain, "output")
    check_in("end", plain, "output")
    names = sorted(report.data["cmd"].split(" ")[0] for report in trace.reports(context).values())
    check_equal(names, ["/bin/sh"] * 4 + ["cat", "sleep"], "reports")
