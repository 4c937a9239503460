# bash completion for hearth(1); written by 'hearth help --completion'.
_hearth_files() {
    compopt -o filenames 2> /dev/null
    local IFS=$'\n'
    if [[ -n $1 ]]; then
        COMPREPLY=($(compgen -d -- "$cur") $(compgen -f -X "$1" -- "$cur"))
    else
        COMPREPLY=($(compgen -f -- "$cur"))
    fi
}

_hearth() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} opts=
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W 'run show explain plan tokenize logits template bench pack quantize import imatrix eval serve list create cp rm ps stop top verify key audit user ca vault backup restore train doctor version help' -- "$cur"))
        return
    fi
    case ${COMP_WORDS[1]} in
    run)
        case $prev in
        -m | --model) _hearth_files '!*.gguf'; return ;;
        --system) COMPREPLY=(); return ;;
        -n | --num-predict) COMPREPLY=(); return ;;
        -c | --ctx) COMPREPLY=(); return ;;
        -t | --threads) COMPREPLY=(); return ;;
        --kv) COMPREPLY=($(compgen -W 'f32 f16 q8_0 q4_0' -- "$cur")); return ;;
        --stop) COMPREPLY=(); return ;;
        --draft) _hearth_files '!*.gguf'; return ;;
        --draft-tokens) COMPREPLY=(); return ;;
        --lora) _hearth_files '!*.gguf'; return ;;
        --receipt) _hearth_files; return ;;
        --temp) COMPREPLY=(); return ;;
        esac
        opts='--help --model --system --num-predict --ctx --threads --kv --stop --raw --show-prompt --verbose --json --lookup --draft --draft-tokens --lora --no-pack --lock --no-cage --receipt --temperature --top-k --top-p --min-p --typical-p --repeat-penalty --presence-penalty --frequency-penalty --repeat-last-n --dry-multiplier --dry-base --dry-allowed-length --dry-penalty-last-n --dry-sequence-breaker --xtc-probability --xtc-threshold --mirostat --mirostat-tau --mirostat-eta --min-keep --seed --logit-bias --samplers'
        [[ $cur == -* ]] || { _hearth_files '!*.gguf'; return; } ;;
    show)
        case $prev in
        esac
        opts='--help --tensors --metadata --template --license --json'
        [[ $cur == -* ]] || { _hearth_files '!*.gguf'; return; } ;;
    explain)
        case $prev in
        esac
        opts='--help --json'
        [[ $cur == -* ]] || { _hearth_files '!*.gguf'; return; } ;;
    plan)
        case $prev in
        -c | --ctx) COMPREPLY=(); return ;;
        --parallel) COMPREPLY=(); return ;;
        --kv) COMPREPLY=($(compgen -W 'f32 f16 q8_0 q4_0' -- "$cur")); return ;;
        --cache) COMPREPLY=(); return ;;
        -t | --threads) COMPREPLY=(); return ;;
        --memory) COMPREPLY=(); return ;;
        --lora) _hearth_files '!*.gguf'; return ;;
        esac
        opts='--help --ctx --parallel --kv --cache --threads --no-pack --memory --lora --json'
        [[ $cur == -* ]] || { _hearth_files '!*.gguf'; return; } ;;
    tokenize)
        case $prev in
        esac
        opts='--help --no-special --null --json'
        [[ $cur == -* ]] || { _hearth_files '!*.gguf'; return; } ;;
    logits)
        case $prev in
        --tokens) _hearth_files; return ;;
        -o | --out) _hearth_files; return ;;
        -t | --threads) COMPREPLY=(); return ;;
        --chunk) COMPREPLY=(); return ;;
        --isa) COMPREPLY=($(compgen -W 'c avx2 avx512 avx512vnni amx' -- "$cur")); return ;;
        --kv) COMPREPLY=($(compgen -W 'f32 f16 q8_0 q4_0' -- "$cur")); return ;;
        --lora) _hearth_files '!*.gguf'; return ;;
        esac
        opts='--help --tokens --out --threads --chunk --isa --kv --lora --no-pack --json'
        [[ $cur == -* ]] || { _hearth_files '!*.gguf'; return; } ;;
    template)
        case $prev in
        --file) _hearth_files; return ;;
        --input) _hearth_files; return ;;
        --now) COMPREPLY=(); return ;;
        esac
        opts='--help --file --input --now --json'
        [[ $cur == -* ]] || { _hearth_files '!*.gguf'; return; } ;;
    bench)
        case $prev in
        -p | --prompt) COMPREPLY=(); return ;;
        -n | --gen) COMPREPLY=(); return ;;
        -d | --depth) COMPREPLY=(); return ;;
        --streams) COMPREPLY=(); return ;;
        -r | --reps) COMPREPLY=(); return ;;
        -t | --threads) COMPREPLY=(); return ;;
        --kv) COMPREPLY=($(compgen -W 'f32 f16 q8_0 q4_0' -- "$cur")); return ;;
        --chunk) COMPREPLY=(); return ;;
        --isa) COMPREPLY=($(compgen -W 'c avx2 avx512 avx512vnni amx' -- "$cur")); return ;;
        --svg) COMPREPLY=(); return ;;
        --lora) _hearth_files '!*.gguf'; return ;;
        -o | --output) COMPREPLY=($(compgen -W 'md json csv' -- "$cur")); return ;;
        esac
        opts='--help --prompt --gen --depth --streams --reps --threads --kv --chunk --isa --lock --cold --where --svg --no-pack --lora --output --json'
        [[ $cur == -* ]] || { _hearth_files '!*.gguf'; return; } ;;
    pack)
        case $prev in
        esac
        opts='--help --verify --remove'
        [[ $cur == -* ]] || { _hearth_files '!*.gguf'; return; } ;;
    quantize)
        case $prev in
        --tensor) COMPREPLY=(); return ;;
        --imatrix) _hearth_files; return ;;
        --auto) COMPREPLY=(); return ;;
        -t | --threads) COMPREPLY=(); return ;;
        esac
        opts='--help --tensor --imatrix --awq --auto --requantize --threads --verify --json --no-cage'
        [[ $cur == -* ]] || { _hearth_files '!*.gguf'; return; } ;;
    import)
        case $prev in
        -o | --out) _hearth_files; return ;;
        --type) COMPREPLY=($(compgen -W 'f32 f16 bf16 keep' -- "$cur")); return ;;
        --name) COMPREPLY=(); return ;;
        --base) _hearth_files '!*.gguf'; return ;;
        esac
        opts='--help --out --type --name --base --force --json --no-cage'
        [[ $cur == -* ]] || { COMPREPLY=($(compgen -d -- "$cur")); return; } ;;
    imatrix)
        case $prev in
        --text) _hearth_files; return ;;
        -o | --out) _hearth_files; return ;;
        --chunk) COMPREPLY=(); return ;;
        --chunks) COMPREPLY=(); return ;;
        -t | --threads) COMPREPLY=(); return ;;
        esac
        opts='--help --text --out --chunk --chunks --threads --json --no-cage'
        [[ $cur == -* ]] || { _hearth_files '!*.gguf'; return; } ;;
    eval)
        case $prev in
        --text) _hearth_files; return ;;
        --choice) _hearth_files; return ;;
        --ctx) COMPREPLY=(); return ;;
        --stride) COMPREPLY=(); return ;;
        --style) COMPREPLY=($(compgen -W 'auto ending question bool blank pair' -- "$cur")); return ;;
        --group) COMPREPLY=(); return ;;
        --limit) COMPREPLY=(); return ;;
        --save-logits) _hearth_files; return ;;
        --base) _hearth_files; return ;;
        --html) _hearth_files; return ;;
        --state) _hearth_files; return ;;
        --resamples) COMPREPLY=(); return ;;
        --seed) COMPREPLY=(); return ;;
        -t | --threads) COMPREPLY=(); return ;;
        --kv) COMPREPLY=($(compgen -W 'f32 f16 q8_0 q4_0' -- "$cur")); return ;;
        --isa) COMPREPLY=($(compgen -W 'c avx2 avx512 avx512vnni amx' -- "$cur")); return ;;
        esac
        opts='--help --text --choice --ctx --stride --style --group --limit --save-logits --base --html --state --resamples --seed --threads --kv --isa --no-pack --json --no-cage'
        [[ $cur == -* ]] || { _hearth_files '!*.gguf'; return; } ;;
    serve)
        case $prev in
        --host) COMPREPLY=(); return ;;
        -p | --port) COMPREPLY=(); return ;;
        --socket) _hearth_files; return ;;
        --port-file) _hearth_files; return ;;
        --models) COMPREPLY=($(compgen -d -- "$cur")); return ;;
        -c | --ctx) COMPREPLY=(); return ;;
        --parallel) COMPREPLY=(); return ;;
        -t | --threads) COMPREPLY=(); return ;;
        --kv) COMPREPLY=($(compgen -W 'f32 f16 q8_0 q4_0' -- "$cur")); return ;;
        --cache) COMPREPLY=(); return ;;
        --keep-alive) COMPREPLY=(); return ;;
        --max-loaded) COMPREPLY=(); return ;;
        --memory) COMPREPLY=(); return ;;
        --queue) COMPREPLY=(); return ;;
        --cert) _hearth_files; return ;;
        --key) _hearth_files; return ;;
        --client-ca) COMPREPLY=($(compgen -d -- "$cur")); return ;;
        --name) COMPREPLY=(); return ;;
        --origin) COMPREPLY=(); return ;;
        --lora) _hearth_files '!*.gguf'; return ;;
        --log) _hearth_files; return ;;
        --audit-content) COMPREPLY=($(compgen -W 'none commit encrypted' -- "$cur")); return ;;
        esac
        opts='--help --host --port --socket --port-file --models --ctx --parallel --threads --kv --cache --keep-alive --max-loaded --memory --queue --cert --key --client-ca --client-ca-only --name --origin --open --no-chats --no-web --lora --no-pack --lock --log --audit-content --no-cage --no-audit'
        [[ $cur == -* ]] || { _hearth_files '!*.gguf'; return; } ;;
    list)
        case $prev in
        --host) COMPREPLY=(); return ;;
        esac
        opts='--help --host --json --no-cage'
        [[ $cur == -* ]] || { COMPREPLY=(); return; } ;;
    create)
        case $prev in
        -f | --file) _hearth_files; return ;;
        --host) COMPREPLY=(); return ;;
        esac
        opts='--help --file --host --json --no-cage'
        [[ $cur == -* ]] || { COMPREPLY=(); return; } ;;
    cp)
        case $prev in
        --host) COMPREPLY=(); return ;;
        esac
        opts='--help --host --json --no-cage'
        [[ $cur == -* ]] || { COMPREPLY=(); return; } ;;
    rm)
        case $prev in
        --host) COMPREPLY=(); return ;;
        esac
        opts='--help --host --json --no-cage'
        [[ $cur == -* ]] || { COMPREPLY=(); return; } ;;
    ps)
        case $prev in
        --host) COMPREPLY=(); return ;;
        esac
        opts='--help --host --json'
        [[ $cur == -* ]] || { COMPREPLY=(); return; } ;;
    stop)
        case $prev in
        --host) COMPREPLY=(); return ;;
        esac
        opts='--help --host --json'
        [[ $cur == -* ]] || { COMPREPLY=(); return; } ;;
    top)
        case $prev in
        --host) COMPREPLY=(); return ;;
        -s | --seconds) COMPREPLY=(); return ;;
        esac
        opts='--help --host --seconds --once --json'
        [[ $cur == -* ]] || { COMPREPLY=(); return; } ;;
    verify)
        case $prev in
        --key) _hearth_files; return ;;
        --answer) _hearth_files; return ;;
        -m | --model) _hearth_files '!*.gguf'; return ;;
        --lora) _hearth_files '!*.gguf'; return ;;
        --prompt-file) _hearth_files; return ;;
        --system) COMPREPLY=(); return ;;
        --stop) COMPREPLY=(); return ;;
        -t | --threads) COMPREPLY=(); return ;;
        --share) _hearth_files; return ;;
        --export-vc) _hearth_files; return ;;
        esac
        opts='--help --key --answer --replay --model --lora --prompt-file --system --rendered --stop --threads --share --export-vc --json --no-cage'
        [[ $cur == -* ]] || { _hearth_files; return; } ;;
    key)
        case $prev in
        --tenant) COMPREPLY=(); return ;;
        --expires) COMPREPLY=(); return ;;
        --user) COMPREPLY=(); return ;;
        --verbs) COMPREPLY=(); return ;;
        --models) COMPREPLY=(); return ;;
        --requests) COMPREPLY=(); return ;;
        --tokens) COMPREPLY=(); return ;;
        --concurrent) COMPREPLY=(); return ;;
        --mib) COMPREPLY=(); return ;;
        esac
        opts='--help --admin --tenant --expires --user --verbs --models --requests --tokens --concurrent --mib --json'
        [[ $cur == -* ]] || { COMPREPLY=($(compgen -W 'list add revoke' -- "$cur")); return; } ;;
    audit)
        case $prev in
        --log) COMPREPLY=($(compgen -d -- "$cur")); return ;;
        --pin) _hearth_files; return ;;
        --proof) _hearth_files; return ;;
        --vkey) _hearth_files; return ;;
        -n | --lines) COMPREPLY=(); return ;;
        -o | --out) _hearth_files; return ;;
        esac
        opts='--help --log --pin --proof --vkey --lines --sha256 --out --text --json'
        [[ $cur == -* ]] || { COMPREPLY=($(compgen -W 'verify show tail prove export pin erase' -- "$cur")); return; } ;;
    user)
        case $prev in
        --role) COMPREPLY=($(compgen -W 'user admin auditor service' -- "$cur")); return ;;
        --tenant) COMPREPLY=(); return ;;
        --uid) COMPREPLY=(); return ;;
        --password-fd) COMPREPLY=(); return ;;
        esac
        opts='--help --role --tenant --uid --password-fd --json'
        [[ $cur == -* ]] || { COMPREPLY=($(compgen -W 'list add role password disable enable remove' -- "$cur")); return; } ;;
    ca)
        case $prev in
        --host) COMPREPLY=(); return ;;
        --days) COMPREPLY=(); return ;;
        --name) COMPREPLY=(); return ;;
        --dir) COMPREPLY=($(compgen -d -- "$cur")); return ;;
        esac
        opts='--help --host --days --name --dir --json'
        [[ $cur == -* ]] || { COMPREPLY=($(compgen -W 'init issue revoke list show' -- "$cur")); return; } ;;
    vault)
        case $prev in
        --pcr) COMPREPLY=(); return ;;
        esac
        opts='--help --keep-key-file --tpm --pcr --pin --json'
        [[ $cur == -* ]] || { COMPREPLY=($(compgen -W 'status passphrase add remove' -- "$cur")); return; } ;;
    backup)
        case $prev in
        -r | --recipient) COMPREPLY=(); return ;;
        -R | --recipients-file) _hearth_files; return ;;
        --passphrase-fd) COMPREPLY=(); return ;;
        --to) COMPREPLY=($(compgen -d -- "$cur")); return ;;
        --keep) COMPREPLY=(); return ;;
        -i | --identity) _hearth_files; return ;;
        esac
        opts='--help --recipient --recipients-file --passphrase --passphrase-fd --models --to --keep --dry-run --identity --json'
        [[ $cur == -* ]] || { _hearth_files; return; } ;;
    restore)
        case $prev in
        -i | --identity) _hearth_files; return ;;
        --passphrase-fd) COMPREPLY=(); return ;;
        --into) COMPREPLY=($(compgen -d -- "$cur")); return ;;
        --vkey) _hearth_files; return ;;
        esac
        opts='--help --identity --passphrase --passphrase-fd --into --models --vkey --dry-run --json'
        [[ $cur == -* ]] || { _hearth_files; return; } ;;
    train)
        case $prev in
        esac
        opts='--help'
        [[ $cur == -* ]] || { COMPREPLY=(); return; } ;;
    doctor)
        case $prev in
        esac
        opts='--help --prove-offline --json'
        [[ $cur == -* ]] || { COMPREPLY=(); return; } ;;
    version)
        case $prev in
        esac
        opts='--help --json'
        [[ $cur == -* ]] || { COMPREPLY=(); return; } ;;
    help)
        case $prev in
        esac
        opts='--help --completion --man'
        [[ $cur == -* ]] || { COMPREPLY=(); return; } ;;
    *) return ;;
    esac
    COMPREPLY=($(compgen -W "$opts" -- "$cur"))
}

complete -F _hearth hearth
