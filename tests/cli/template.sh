#!/bin/bash
# hearth template: exact text, token defaults, clock, errors; every listed rendering when there.
. "$(dirname "$0")/lib/check.bash"

printf '%s' '{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}{{ bos_token }}{{ eos_token }}{% if add_generation_prompt %}!{% endif %}' > "$tmp/t.jinja"
printf '{"messages":[{"role":"user","content":"h\\u00e9 \\"x\\"\\n"}],"add_generation_prompt":true}' > "$tmp/in.json"
"$HEARTH_BIN" template --file "$tmp/t.jinja" --input "$tmp/in.json" > "$tmp/got"
printf '[user]hé "x"\n<s></s>!' > "$tmp/want"
ok "rendered to the byte, no newline added" cmp "$tmp/want" "$tmp/got"
"$HEARTH_BIN" template --file "$tmp/t.jinja" --input - < "$tmp/in.json" > "$tmp/got"
ok "input from standard input" cmp "$tmp/want" "$tmp/got"
printf '{"messages":[],"bos_token":"B","eos_token":""}' > "$tmp/in2.json"
hearth template --file "$tmp/t.jinja" --input "$tmp/in2.json"
same "tokens of the input win" B "$out"

printf '{{ strftime_now("%%Y-%%m-%%d %%H:%%M") }}{{ unk_token }}{{ pad_token }}' > "$tmp/now.jinja"
echo '{}' > "$tmp/empty.json"
hearth template --file "$tmp/now.jinja" --input "$tmp/empty.json" --now 2026-11-21T09:30
same "--now, in UTC" "2026-11-21 09:30<unk><pad>" "$out"
SOURCE_DATE_EPOCH=0 hearth template --file "$tmp/now.jinja" --input "$tmp/empty.json"
same "SOURCE_DATE_EPOCH" "1970-01-01 00:00<unk><pad>" "$out"
hearth template --json --file "$tmp/t.jinja" --input "$tmp/in2.json"
same "--json" '{"prompt":"B"}' "$(tr -d ' \n' <<< "$out")"

echo -n '{{ raise_exception("no thanks") }}' > "$tmp/raise.jinja"
refused 65 "the template raises" template --file "$tmp/raise.jinja" --input "$tmp/empty.json"
ok "its message is shown" grep -q 'no thanks' "$tmp/err"
echo -n '{% include "x" %}' > "$tmp/inc.jinja"
refused 69 "an unknown construct" template --file "$tmp/inc.jinja" --input "$tmp/empty.json"
ok "it is named" grep -q include "$tmp/err"
echo '[1]' > "$tmp/list.json"
refused 65 "input that is no object" template --file "$tmp/t.jinja" --input "$tmp/list.json"
echo '{"a":1,"a":2}' > "$tmp/dup.json"
refused 65 "damaged JSON" template --file "$tmp/t.jinja" --input "$tmp/dup.json"
refused 66 "no such template" template --file /no/such --input "$tmp/empty.json"
refused 64 "no input" template --file "$tmp/t.jinja"
refused 64 "neither model nor file" template --input "$tmp/empty.json"
refused 64 "a time that is none" template --file "$tmp/t.jinja" --input "$tmp/empty.json" --now noon

# A file may come through a pipe, as a shell's <(...) gives it.
same "process substitution" "B" "$("$HEARTH_BIN" template --file <(cat "$tmp/t.jinja") --input <(cat "$tmp/in2.json"))"

cases=$HEARTH_DATA/templates/cases.json
if [[ -f $cases ]] && command -v python3 > /dev/null; then
    python3 - "$HEARTH_BIN" "$HEARTH_DATA/templates" > "$tmp/report" << 'PY'
import json, os, subprocess, sys
program, folder = sys.argv[1:3]
cases = json.load(open(folder + '/cases.json'))
good = bad = 0
for name, expected in cases['expected'].items():
    path = os.path.join(folder, name)
    if not os.path.exists(path): path += '.jinja'
    for case, want in expected.items():
        r = subprocess.run([program, 'template', '--file', path, '--input', '-', '--now',
                            '2026-11-21T09:30'], input=json.dumps(cases['inputs'][case]).encode(),
                           capture_output=True)
        right = (r.returncode == 0 and r.stdout == want['out'].encode()) if 'out' in want else \
            (r.returncode == 65 and r.stdout == b'')
        good, bad = good + right, bad + (not right)
        if not right: print(name, case, r.returncode, r.stderr.decode()[:200])
print(good, 'of', good + bad)
sys.exit(bad > 0 or good == 0)
PY
    ok "every listed rendering: $(tail -1 "$tmp/report")" test $? -eq 0
    cat "$tmp/report"
else
    echo "skipped: listed renderings (no $cases or no python3; golden_template_test has them)"
fi
finish
