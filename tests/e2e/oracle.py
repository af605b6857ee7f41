# SPDX-License-Identifier: MIT
"""Valgrind's DHAT as oracle: the same program under both, each site's counters and the totals equal; and
Valgrind's dh_view as reader of our file.

Stacks are matched by the page offsets of their addresses, which address space layout leaves alone, and
frames that both sides know must have the same function and line. Nothing is compared with a tolerance: what
differs for a reason that is not ours is named by a rule below, and a rule that explains nothing fails.
"""

from lib import browser, dh_view, dhat
from lib.harness import LIBRARY, PYTHON, Failure, check, check_caught, check_equal, program, test

NEEDS = ("valgrind", dh_view.PAGE) + tuple(browser.NEEDS)
SUMMED = ("tb", "tbk", "gb", "gbk", "eb", "ebk")  # Valgrind's mb is known to be wrong, its tl counts instructions
ROOTS = ("_start", "_dl_start_user", "clone", "__clone3", "start_thread", "__start_context")


class Rule:
    """A named reason for a difference: which sites it is about, and what it does to Valgrind's counters."""

    def __init__(self, name, about, mend=None):
        self.name, self.about, self.mend = name, about, mend  # mend None: the site is not compared


def name_of(frame):
    """Without the version that Valgrind keeps."""
    return frame.function.split("@")[0]


def calls(*names):
    return lambda frames: any(name_of(frame) in names for frame in frames)


LOADER = Rule(
    "the loader's own tables grow with the number of libraries, and Valgrind preloads two",
    calls("_dlfo_mappings_segment_allocate", "allocate_dtv", "_dl_new_object", "_dl_important_hwcaps", "_dl_init_paths"),
)
DLERROR = Rule("dlsym of free_sized finds ours, and makes an error text under Valgrind", calls("_dlerror_run"))
EMPTY = Rule(
    "a block of 0 bytes counts as 1 in Valgrind",
    lambda frames: frames[0].function == "do_malloc_zero",
    lambda counters: {key: value - counters[key + "k"] if key[-1] == "b" else value for key, value in counters.items()},
)
BAD_ALLOC = Rule("Valgrind's operator new ends the program where std::bad_alloc is thrown", calls("__cxa_allocate_exception"))
ENVIRONMENT = Rule(
    "perl copies its environment, and Valgrind's has other variables",
    lambda frames: any(name_of(frame) == "Perl_my_setenv" for frame in frames)
    or any(
        inner.function in ("Perl_hv_common_key_len", "Perl_newSVpv") and root.function == "perl_parse"
        for inner, root in zip(frames, frames[2:])
    ),
)


def is_allocator(frame):
    """Frames of the tools' own malloc, and operator new, which calls malloc here and is malloc there."""
    return "vgpreload" in frame.module or frame.function.startswith("operator new")


def stack_of(site, ends=()):
    """(key, frames): from the allocating code to the root; Valgrind walks on beyond it. ends: functions that
    are roots too."""
    frames = list(site.frames)
    while len(frames) > 1 and is_allocator(frames[0]):
        frames.pop(0)
    for i, frame in enumerate(frames):
        if name_of(frame) in ROOTS + ends or (frame.function == "???" and "ld-linux" in frame.module):
            frames = frames[: i + 1]
            break
        if name_of(frame).startswith("__libc_start_main"):
            frames = frames[: i + 2]
            break
    if name_of(frames[-1]) in ("clone", "__clone3", "start_thread", "__start_context"):
        frames.pop()  # which of clone and clone3 depends on the kernel that the tool shows
    key = []
    for frame in frames:  # calls inlined into one have its address
        low = frame.address & 0xFFF
        if not key or key[-1] != low:
            key.append(low)
    return tuple(key), frames


def sites_of(report, ends):
    sites = {}
    for site in report.sites:
        key, frames = stack_of(site, ends)
        counters, _ = sites.setdefault(key, (dict.fromkeys(SUMMED, 0), frames))
        for name in SUMMED:
            counters[name] += site[name]
    return sites


def same_names(theirs, ours):
    """Frames that both sides can name: pairs that differ."""
    if len(theirs) != len(ours):  # one side knows more inlined calls
        return []
    pairs = [(a, b) for a, b in zip(theirs, ours) if a.file and b.file]
    return [(a, b) for a, b in pairs if (name_of(a), a.file, a.line) != (name_of(b), b.file, b.line)]


def compare(theirs, ours, rules=(), keys=SUMMED, names=True, ends=()):
    """Raises Failure on the first difference that no rule explains. Returns how many sites were compared."""
    used, compared, totals = set(), 0, ({}, {})
    theirs, ours = sites_of(theirs, ends), sites_of(ours, ends)
    for key in sorted(set(theirs) | set(ours)):
        zero = (dict.fromkeys(SUMMED, 0), None)
        wanted, got = dict(theirs.get(key, zero)[0]), ours.get(key, zero)[0]
        frames = (theirs.get(key) or ours.get(key))[1]
        rule = next((rule for rule in rules if rule.about(frames)), None)
        if rule:
            used.add(rule.name)
            if not rule.mend:
                continue
            wanted = rule.mend(wanted)
        difference = {name: (wanted[name], got[name]) for name in keys if wanted[name] != got[name]}
        check(not difference, f"(DHAT, ctrace) {difference} at {frames}")
        if names and key in theirs and key in ours:
            check_equal(same_names(theirs[key][1], ours[key][1]), [], "names of frames (DHAT, ctrace)")
        compared += 1
        for side, counters in zip(totals, (wanted, got)):
            for name in keys:
                side[name] = side.get(name, 0) + counters[name]
    check_equal(totals[1], totals[0], "totals of the process")
    check_equal(used, {rule.name for rule in rules}, "rules that were needed")
    return compared


def both(context, command, valgrind_status=0, **changes):
    """Run under DHAT and under ctrace in the same environment; their reports."""
    env = context.environment(**changes)
    theirs, ours = context.path("dhat.out"), context.path("ctrace.json")
    tool = ["valgrind", "-q", "--tool=dhat", "--num-callers=500", "--show-below-main=yes", "--dhat-out-file=" + theirs]
    tool += ["--run-libc-freeres=no", "--run-cxx-freeres=no"]
    under_valgrind = context.run(tool + command, env=env).check(valgrind_status)
    under_ctrace = context.run(command, env=dict(env, LD_PRELOAD=LIBRARY, CTRACE_OUT=ours, CTRACE_QUIET="1")).check()
    check_equal(under_ctrace.stdout, under_valgrind.stdout, "output")
    return dhat.load(theirs), dhat.check_file(ours)


def check_in_dh_view(report, path):
    """Valgrind's viewer shows our file: the same totals, every metric."""
    with browser.Browser() as page:
        shown = dh_view.load(page, path)
    check_equal((shown.error, shown.console), ("", []), "dh_view's error, its console")
    totals = dh_view.sums(report.sites)
    check_equal({key: shown.totals[key] for key in totals}, totals, "totals that dh_view shows")
    check_equal(shown.metrics, dh_view.LIFETIME_METRICS, "metrics that work")


def run(context, command, least, rules=(), keys=SUMMED, names=True, ends=(), **options):
    theirs, ours = both(context, command, **options)
    compared = compare(theirs, ours, rules, keys, names, ends)
    check_in_dh_view(ours, context.path("ctrace.json"))
    check(compared >= least, f"only {compared} sites were compared, wanted {least}")
    return theirs, ours


@test(needs=NEEDS)
def sites(context):
    theirs, ours = run(context, [program("sites"), "valgrind"], 18, [DLERROR, EMPTY])

    # Seeded violations: a wrong counter, a lost site, a rule that nothing needs.
    ours.sites[3].counters["gb"] += 1
    check_caught(lambda: compare(theirs, ours, [DLERROR, EMPTY]), Failure, "gb", "a wrong counter")
    ours.sites[3].counters["gb"] -= 1
    check_caught(lambda: compare(theirs, ours, [DLERROR, EMPTY, LOADER]), Failure, "rules", "a rule without use")
    lost = ours.sites.pop()
    check_caught(lambda: compare(theirs, ours, [DLERROR, EMPTY]), Failure, "tb", f"lost site {lost.frames}")


@test(needs=NEEDS)
def cxx(context):
    run(context, [program("cxx")], 12, [BAD_ALLOC], valgrind_status=1)


@test(needs=NEEDS)
def plugins(context):
    """dlopen, dlclose, the same library again, another one: names are ours only, Valgrind forgets them."""
    command = [program("plugin_host")] + [program(name + ".so") for name in ("plugin_a", "plugin_b", "plugin_a")]
    theirs, ours = run(context, command, 7, [LOADER], names=False)
    for name in ("plugin_a_blocks", "plugin_b_blocks"):
        check(ours.leaf(name), name + " has lost its name with its library")


@test(needs=NEEDS)
def early(context):
    """Allocations before main (preinit, constructors) and after it (atexit, destructors)."""
    run(context, [program("early")], 6)


@test(needs=NEEDS)
def deep(context):
    run(context, [program("deep"), "5", "100", "400"], 2)


@test(needs=NEEDS)
def jumps(context):
    run(context, [program("jumps")], 5)


@test(needs=NEEDS)
def frames(context):
    run(context, [program("frames")], 5)


@test(needs=NEEDS)
def coroutine(context):
    """Valgrind takes the start of a coroutine's stack for code before that function, and walks on."""
    run(context, [program("coroutine")], 6, ends=("first", "second"))


@test(needs=NEEDS)
def threads(context):
    """The peak depends on how the threads run; the rest does not."""
    run(context, [program("threads")], 1, [LOADER], keys=("tb", "tbk", "eb", "ebk"))


@test(needs=NEEDS + ("sqlite3",))
def sqlite3(context):
    script = """create table t(a integer primary key, b text, c real);
with recursive n(i) as (select 1 union all select i+1 from n where i<3000) insert into t select i, 'name'||i, i*1.5 from n;
create index tb on t(b);
select count(*), sum(c), max(b) from t where b like '%7%';
select a%10, count(*) from t group by a%10 order by 2 desc;"""
    context.write("script.sql", script)
    run(context, ["sqlite3", "-batch", ":memory:", ".read script.sql"], 400)


@test(needs=NEEDS + ("perl",))
def perl(context):
    script = 'my %h; $h{$_} = "x" x ($_ % 30) for 1..2000; print join(",", (sort keys %h)[0..9]), "\\n";'
    run(context, ["perl", "-e", script], 250, [ENVIRONMENT], PERL_HASH_SEED=0)


@test(needs=NEEDS + ("jq",))
def jq(context):
    context.write("in.json", '{"a":[1,2,{"b":"c"}],"d":{"e":null,"f":[true,false,1.5e3]}}')
    run(context, ["jq", "-c", ".a[2].b, (.d|keys), [.d.f[]|tostring]", "in.json"], 500)


@test(needs=NEEDS + ("xz",))
def xz(context):
    context.write("blob", bytes(i * i % 251 for i in range(200000)))
    run(context, ["xz", "-c", "-T1", "-6", "blob"], 10)


@test(needs=NEEDS + (PYTHON,))
def python3(context):
    run(context, [PYTHON, "-S", "-E", "-c", "print(sum(len(str([i] * 5)) for i in range(1000)))"], 300)
