# SPDX-License-Identifier: MIT
# Completion of ctrace and ctrace-top in fish: `ctrace complete` prints the candidates.
function __ctrace_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l ctrace (string replace -r -- '-top$' '' $words[1])
    set -l before
    string match -q -- '*-top' $words[1]; and set before top
    set -l names
    for line in ($ctrace complete $before $words[2..-1] 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path (commandline -ct)
            case :names
                set names 1
            case :commands
                __fish_complete_command
            case '*'
                test -n "$names" -a -d "$line"; and echo $line/; or echo $line
        end
    end
end
complete -c ctrace -f -a '(__ctrace_complete)'
complete -c ctrace-top -f -a '(__ctrace_complete)'
