# egress.bash - which tests egress_trace.sh and egress_count.sh go through. Source it in the root.
#
# egress_tests [NAME | FOLDER/NAME | all]...: one a line, as FOLDER/NAME; a NAME alone is of cli.
# `all` is every script of tests/cli, api and ui, but for those of egress_left_out, which are named
# on standard error with the reason. Of api and ui only hearth is looked at: clients and browsers
# are other people's programs.
egress_left_out='cli/egress it runs these tools itself
cli/mkmodel it tests a tool, no hearth is started
ui/pure no hearth is started'

egress_tests() {
    local name why file
    for name; do
        case $name in
            all)
                for file in tests/cli/*.sh tests/api/*.sh tests/ui/*.sh; do
                    name=${file#tests/} name=${name%.sh}
                    why=$(sed -n "s,^$name ,,p" <<<"$egress_left_out")
                    if [[ $why ]]; then
                        echo "left out $name: $why" >&2
                    else
                        echo "$name"
                    fi
                done
                ;;
            */*) echo "$name" ;;
            *) echo "cli/$name" ;;
        esac
    done
}
