# SPDX-License-Identifier: MIT
"""Deterministic programs, which make the same allocations in each run: our small ones, and real ones from Debian."""

import os

from lib.harness import PYTHON, program

SQL = """
create table people(id integer primary key, name text, town text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 300)
  insert into people select i, 'name' || i, 'town' || (i % 20) from n;
create index by_town on people(town, name);
select town, count(*), group_concat(name) from people group by town having count(*) > 3 order by 2, 1;
select a.name from people a join people b on a.id = b.id + 1 where b.town like '%7' order by a.name desc limit 5;
update people set name = upper(name) || hex(zeroblob(id % 40)) where id % 3 = 0;
delete from people where id % 5 = 0;
select json_group_array(json_object('n', name)) from people where id < 20;
vacuum;
"""

PERL = r"""
use strict; use warnings;
my %h; for my $i (1..200) { $h{"k$i"} = [$i, "v" x $i, {n => $i}]; }
my $text = join ",", map { "$_=" . scalar(@{$h{$_}}) } sort keys %h;
my @words = $text =~ /(\w+)=/g; my %seen; $seen{substr $_, 0, 2}++ for @words;
printf "%d %s\n", scalar(@words), join " ", map { "$_:$seen{$_}" } sort keys %seen;
delete $h{"k$_"} for 1..50; my $sum = 0; $sum += $_->[0] for values %h; print "$sum\n";
local $@; eval { die { code => 7 } }; print $@->{code}, "\n";
"""

PY = """
import json, re
data = {str(i): [i, {"k": "v" * (i % 30)}] for i in range(300)}
text = json.dumps(data, sort_keys=True)
print(len(text), len(json.loads(text)), len(re.findall("v+", text)))
class Node:
    def __init__(self, n): self.n, self.next = n, None
nodes = [Node(i) for i in range(500)]
try: raise ValueError("x" * 100)
except ValueError as e: print(len(str(e)))
"""

JSON = "[" + ",".join('{"x":%d,"y":"%s","z":[%d,null,1.5]}' % (i, "z" * (i % 40), i * 7) for i in range(60)) + "]"

AWK = "{ n[$1]++; line[NR] = $0; s = s substr($2, 1, 3) } END { for (k in n) c++; print c, length(s), line[7] }"


class Command:
    """words() is the command, stdin its input, needs are tools, rules are the differences to the oracle that it shows; those in
    `may` depend on the version of a tool, and may change nothing."""

    def __init__(self, name, words, stdin="", needs=(), rules=(), may=(), sites=1):
        self.may = may
        self.name, self.words, self.stdin = name, words, stdin.encode() if isinstance(stdin, str) else stdin
        self.needs, self.rules, self.sites = needs, rules, sites


def _little(name, *arguments, as_name=None, rules=(), may=(), sites=1):
    def words():
        return [program(name), *(program(word) if word.endswith(".so") else word for word in arguments)]

    return Command(as_name or name, words, rules=rules, may=may, sites=sites)


def _real(name, *words, stdin="", rules=(), may=(), sites=1):
    return Command(name, lambda: list(words), stdin, (words[0],), rules, may, sites)


# sites is a lower bound, so that an empty comparison fails.
COMMANDS = [
    _little("sites", "valgrind", sites=15),
    _little("ties", sites=6),
    _little("moved", sites=2),
    _little("cxx", "valgrind", rules=("operator_new", "start_user"), may=("plain_allocate",), sites=20),
    _little("deep", "5", "100", "400", sites=6),
    _little("early", rules=("start_user",), sites=6),
    _little("plugin_host", "plugin_a.so", "plugin_a.so", "plugin_b.so", "plugin_a.so", as_name="plugins", sites=10),
    _little("threads", "3", "200", "serial", as_name="serial_threads", rules=("no_clone3", "thread_vector"), sites=2),
    _little("jumps", sites=40),
    _little("coroutine", rules=("coroutine_start",), sites=5),
    _little("frames", sites=5),
    _little("frames_fp", sites=5),
    _little("frames_avx", sites=5),
    _real("sqlite3", "sqlite3", ":memory:", SQL, sites=250),
    _real("perl", "perl", "-e", PERL, sites=200),
    _real("jq", "jq", "-c", "map({a: .x, b: (.y | length)}) | group_by(.b) | map(length), (.[0] | keys)", stdin=JSON, may=("start_user",), sites=60),
    _real("xz", "xz", "-6", "-T1", "-c", stdin=bytes(range(256)) * 200, sites=8),
    _real("mawk", "mawk", AWK, stdin="".join(f"{i % 50} text{i}\n" for i in range(400)), sites=3),
    _real("python3", PYTHON, "-S", "-E", "-c", PY, sites=300),
]


def by_name(name):
    return next(command for command in COMMANDS if command.name == name)


def basename(command):
    return os.path.basename(command.words()[0])
