// SPDX-License-Identifier: MIT
//! Splits a line into words, each a `String` of its own, only to count them.

fn split(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_string).collect()
}

fn main() {
    let mut count = 0;
    for _ in 0..10_000 {
        count += split("one two three four five six seven eight").len();
    }
    assert_eq!(count, 80_000);
}
