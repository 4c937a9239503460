/* main.c - the program: find the verb, run it, leave with its code.
 *
 * The verb table is the single list of what a person can type. */
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"

const HthVerb hth_verbs[] = {
    { "run", "[options] [MODEL] [PROMPT...]",
      "Talk with a model: one answer, or a chat on a terminal",
      "Without MODEL the small model inside this program, ember, answers. The first argument is a "
      "model if it is a file, ends in .gguf, or is a path without blanks (or the word ember); "
      "anything else begins the prompt. What arrives on standard input is put before the prompt. "
      "On a terminal without a prompt a chat begins; /help there lists its commands. A model that "
      "has vectors instead of words (an encoder) prints the prompt's, a line of numbers.",
      "hearth run\tchat with ember\n"
      "hearth run \"Tell me a story.\"\tone answer, then exit\n"
      "hearth run model.gguf --temperature 0 \"What is rust?\"\tthe likeliest words\n"
      "cat notes.txt | hearth run model.gguf \"Summarise this.\"\ta file before the prompt\n",
      hth_opts_run, true, "gguf", hth_cli_run, NULL },
    { "show", "[options] MODEL", "What is in a model file",
      "Reads the header only: nothing is loaded, vocabulary-only files are fine.",
      "hearth show model.gguf\tarchitecture, sizes, quantisation, tokenizer, licence\n"
      "hearth show --template model.gguf\tits chat template, as stored\n",
      hth_opts_show, false, "gguf", hth_cli_show, NULL },
    { "explain", "[options] MODEL|ARCHITECTURE",
      "The program of an architecture, operation by operation", NULL,
      "hearth explain llama\tthe program of llama-shaped models\n"
      "hearth explain model.gguf\twith this model's sizes\n",
      hth_opts_explain, false, "gguf", hth_cli_explain, NULL },
    { "plan", "[options] MODEL", "What a model would take in memory, before it is loaded",
      "Adds up what is resident at most, once every page of the cache has been used and every "
      "weight "
      "read: by the sums that opening the model makes itself. Pages of the model's file count, "
      "too. "
      "For hearth run; with --parallel for the process in which hearth serve runs the model. Exit "
      "code 0 if it fits; 69 if not, with what would make it fit.",
      "hearth plan model.gguf\tat several lengths of context\n"
      "hearth plan --ctx 32768 --kv q8_0 model.gguf\n"
      "hearth plan --parallel 8 --ctx 8192 model.gguf\tas a server\n"
      "hearth plan --memory 8192 model.gguf\tfor a machine with 8 GiB to spare\n",
      hth_opts_plan, false, "gguf", hth_cli_plan, NULL },
    { "tokenize", "[options] MODEL [FILE]", "Text to token ids",
      "Prints the ids of FILE (or of standard input) separated by spaces, one line per text. "
      "The whole input is one text; with -0 every text ends at a NUL byte. BOS and EOS are added "
      "as the model says.",
      "echo -n Hello | hearth tokenize model.gguf\n"
      "hearth tokenize -0 --no-special model.gguf texts.nul\tspecial-token text is plain text\n",
      hth_opts_tokenize, false, "gguf", hth_cli_tokenize, NULL },
    { "logits", "[options] MODEL --tokens FILE --out FILE", "Raw logits of every position",
      "Reads decimal token ids separated by blanks or commas; writes one row of float32, "
      "little-endian, per position. The same bits on every machine and for every thread count.",
      "hearth logits model.gguf --tokens ids.txt --out logits.f32\n", hth_opts_logits, false,
      "gguf", hth_cli_logits, NULL },
    { "template", "[options] (MODEL | --file F) --input FILE", "Render a chat template",
      "The input is a JSON object: messages, and optionally tools, add_generation_prompt and any "
      "other variable of the template. The text is printed exactly, without a newline added. With "
      "--file, bos_token, eos_token, unk_token and pad_token default to <s>, </s>, <unk>, <pad>; "
      "with MODEL to the vocabulary's.",
      "hearth template model.gguf --input chat.json\n"
      "hearth template --file chat.jinja --input - < chat.json\n",
      hth_opts_template, false, "gguf", hth_cli_template, NULL },
    { "bench", "[options] [MODEL]", "Tokens per second beside what the machine could do",
      "Prompt processing (pp) and generation (tg), with the memory bandwidth and the in-cache rate "
      "of the same kernel measured in the same process.",
      "hearth bench model.gguf -p 512 -n 128\n", hth_opts_bench, false, "gguf", hth_cli_bench,
      NULL },
    { "pack", "[options] MODEL", "Write weights in the order they are read, beside the model",
      "MODEL.panels holds the matrices of the model, rearranged; it is found and mapped when the "
      "model is opened. Without it they are rearranged in memory while the model runs. The bits of "
      "every answer are the same.",
      "hearth pack model.gguf\n"
      "hearth pack --verify model.gguf\tcompare with the model, byte for byte\n"
      "hearth pack --remove model.gguf\n",
      hth_opts_pack, false, "gguf", hth_cli_pack, NULL },
#ifdef HTH_HAVE_SERVER
    { "quantize", "[options] IN OUT TYPE | --auto SIZE IN OUT | --verify LOG [IN [OUT]]",
      "Make a model smaller: fewer bits to a weight",
      "TYPE is a mix such as Q4_K_M, IQ4_XS, Q6_K or Q8_0. Of the model only a few rows are in "
      "memory at a time; stopped, the same command continues where it was. Beside OUT it writes "
      "OUT.quantlog.json: digests of what went in and came out, each tensor's type and what its "
      "rounding cost. --verify does all of it again and compares.",
      "hearth quantize model-f16.gguf model-q4.gguf Q4_K_M\n"
      "hearth quantize --tensor 'blk.*.attn_v.weight=Q8_0' in.gguf out.gguf Q4_K_M\n"
      "hearth quantize --imatrix im.gguf --awq model-f16.gguf model-q3.gguf Q3_K_M\n"
      "hearth quantize --imatrix im.gguf --auto 4.5G model-f16.gguf model-best.gguf\n"
      "hearth quantize --verify model-q4.gguf.quantlog.json\n",
      hth_opts_quantize, false, "gguf", hth_cli_quantize, NULL },
    { "import", "[options] FOLDER", "Make a GGUF file of a model as its makers publish it",
      "FOLDER holds config.json, model.safetensors (or its parts and their index) and "
      "tokenizer.json: a llama, mistral, qwen2, qwen3, gemma3 (of which only texts), phi3 or bert "
      "model (vocab.txt will do), the last also as sentence-transformers keep it or as a "
      "reranker. The weights are read in place and written as they are, a few rows at a time. "
      "What a GGUF file cannot say is refused by name, never guessed.",
      "hearth import Qwen3-0.6B\tmakes Qwen3-0.6B.gguf here\n"
      "hearth import Qwen3-0.6B -o models/small.gguf --type f16\n"
      "hearth import Qwen3-0.6B && hearth quantize Qwen3-0.6B.gguf small-q4.gguf Q4_K_M\n",
      hth_opts_import, false, "dir", hth_cli_import, NULL },
    { "imatrix", "[options] MODEL --text FILE --out FILE",
      "Measure what of a model a text uses, for quantising it well",
      "Reads the text through the model and writes, for every matrix (of every expert), how large "
      "what its columns are multiplied with is: the importance matrix that hearth quantize "
      "--imatrix takes, and that other programs read and write. Stopped, the same command "
      "continues where it was.",
      "hearth imatrix model-f16.gguf --text sample.txt -o model.imatrix.gguf\n"
      "hearth quantize --imatrix model.imatrix.gguf model-f16.gguf model-q4.gguf Q4_K_M\n",
      hth_opts_imatrix, false, "gguf", hth_cli_imatrix, NULL },
    { "eval", "[options] MODEL (--text FILE... | --choice FILE...)",
      "How good a model is: perplexity, questions with choices, against another model",
      "Every token of a text is scored once, in windows that overlap; a .jsonl file has a text per "
      "line. Figures come with intervals of 95 %, by group (each file, or what --group names) "
      "and for all, with the group that does worst. --save-logits keeps what the model says; with "
      "--base another one, say a smaller copy, is compared with it on the same files. Figures do "
      "not depend on threads. Stopped, the same command continues where there is a state (beside "
      "the logits or the report, or --state).",
      "hearth eval ember --text book.txt\n"
      "hearth eval f16.gguf --text book.txt --save-logits book.logits\n"
      "hearth eval q4.gguf --text book.txt --base book.logits --html q4.html\twhat was lost\n"
      "hearth eval m.gguf --choice hellaswag.jsonl\n"
      "hearth eval m.gguf --choice all.jsonl --group language --json\twho does worst\n",
      hth_opts_eval, false, "gguf", hth_cli_eval, NULL },
    { "serve", "[options] [MODEL]",
      "Answer over HTTP: the APIs people use, and a chat in a browser",
      "Listens on a socket of its own and on 127.0.0.1:11434 (the next free port when that is "
      "taken), for the user who starts it: clients of Ollama, OpenAI, Anthropic and llama-server "
      "work unchanged. Other users need a key (hearth key). Beyond this machine it listens only "
      "with keys and a certificate. Models are .gguf files in its folder or below --models; they "
      "are loaded when they are asked for. MODEL answers when a request names none.",
      "hearth serve\tthe models of this user, and ember\n"
      "hearth serve --open\tprint a link that lets this user's browser in\n"
      "hearth serve --models /srv/models --ctx 16384 qwen3-8b\ta folder, longer contexts\n"
      "hearth serve --host 0.0.0.0 --cert c.pem --key k.pem\tfor others, with keys\n",
      hth_opts_serve, false, "gguf", hth_cli_serve, NULL },
    { "list", "[options]", "The models of this user, and ember",
      "Of the server where one runs, of the folder of models where none does.",
      "hearth list\n"
      "hearth list --json\twith digests and what each can do\n",
      hth_opts_list, false, NULL, hth_cli_list, NULL },
    { "create", "[options] NAME [-f FILE]", "Make a model from another one, as a Modelfile says",
      "FROM names a model, or a .gguf file (beside the Modelfile, or with its whole path), which "
      "is "
      "copied into the folder of models. PARAMETER, SYSTEM, TEMPLATE, MESSAGE and LICENSE become "
      "the new model's own. A running server does it, where there is one.",
      "hearth create brief -f Modelfile\tfrom what the file says\n"
      "printf 'FROM ember\\nSYSTEM Be brief.\\n' | hearth create brief -f -\tfrom standard input\n",
      hth_opts_create, false, NULL, hth_cli_create, NULL },
    { "cp", "[options] NAME NEW", "Give a model another name", "The copy shares the model's file.",
      "hearth cp qwen3-8b me/qwen\n", hth_opts_cp, false, NULL, hth_cli_cp, NULL },
    { "rm", "[options] NAME...", "Delete models",
      "A file goes when no other model is made from it. What lies in a folder that is only read "
      "stays.",
      "hearth rm brief me/qwen\n", hth_opts_rm, false, NULL, hth_cli_rm, NULL },
    { "ps", "[options]", "The models a server holds, and until when", NULL, "hearth ps\n",
      hth_opts_ps, false, NULL, hth_cli_ps, NULL },
    { "stop", "[options] MODEL", "Have a server let go of a model",
      "Its memory is given back as soon as nobody is being answered by it.",
      "hearth stop qwen3-8b\n", hth_opts_stop, false, NULL, hth_cli_stop, NULL },
    { "top", "[options]", "A server at work, live: requests, speed, cache, memory", NULL,
      "hearth top\n"
      "hearth top --json --once\tfigures over two seconds, for a script\n",
      hth_opts_top, false, NULL, hth_cli_top, NULL },
    { "verify", "[options] RECEIPT", "Check the receipt of an answer, and run it again",
      "Without options: that the receipt is whole and was signed by this user's hearth, or by "
      "whoever --key names. Nothing is asked of a network. With --replay the model answers the "
      "prompt once more, and must say the same words, token by token.",
      "hearth run --receipt r.json \"Tell me a story.\"\tan answer with its receipt\n"
      "hearth verify r.json\twho signed it, and what it says\n"
      "hearth verify --key them.vkey r.json\ta receipt from somebody else\n"
      "hearth verify --replay --prompt-file p.txt r.json\trun ember again and compare\n",
      hth_opts_verify, false, "file", hth_cli_verify, NULL },
    { "key", "[options] list|add NAME|revoke NAME", "Keys for those who are not this user",
      "A key is shown once, when it is made; what is stored cannot be turned back into it. What is "
      "revoked is so for the running server's next request.",
      "hearth key add alice --expires 90\ta key for ninety days\n"
      "hearth key add shop --user bot --verbs ask --models 'qwen3*' --requests 60\twith less\n"
      "hearth key list\n"
      "hearth key revoke alice\n",
      hth_opts_key, false, "list add revoke", hth_cli_key, NULL },
    { "audit", "[options] verify|show N|tail|prove N|export DIR|pin [FILE]|erase SUBJECT",
      "What happened on this machine, and whether the record of it holds",
      "The log of starts, requests, models, keys and erasures. verify reads all of it: each entry, "
      "both trees, the signed checkpoint, and that it goes on from what was pinned. pin keeps the "
      "checkpoint of now in a file; only one that lies elsewhere shows that entries are missing at "
      "the end. prove writes a .tlog-proof that others check without the log; export writes the "
      "trees as c2sp.org/tlog-tiles. erase destroys the key of a subject, and with it whatever was "
      "sealed for him, in every copy. Exit status 65: something does not hold, and the sentence "
      "says what.",
      "hearth audit verify\n"
      "hearth audit verify --pin /media/stick/hearth.pin\tagainst a checkpoint kept elsewhere\n"
      "hearth audit tail -n 20\n"
      "hearth audit prove 17 -o 17.tlog-proof\n"
      "hearth audit verify --proof 17.tlog-proof\n",
      hth_opts_audit, false, "verify show tail prove export pin erase", hth_cli_audit, NULL },
    { "user",
      "[options] list|add NAME|role NAME ROLE|password NAME|disable NAME|enable NAME|remove "
      "NAME",
      "Who may use the server, and as what",
      "An admin manages models and users, a user asks models and keeps conversations, a service is "
      "a program that asks models, an auditor reads the log and the figures and never a prompt. "
      "What is changed holds for the running server from the next request on. This user needs no "
      "entry: he is an admin of his server.",
      "hearth user add alice --uid 1001\tprograms of that user of the system need no key\n"
      "hearth user add shop --role service\n"
      "hearth user password alice\tasked for at the terminal\n",
      hth_opts_user, false, "list add role password disable enable remove", hth_cli_user, NULL },
    { "ca", "[options] init|issue NAME|revoke NAME|list|show [NAME]",
      "Certificates of one's own, for TLS with other machines",
      "The authority is good for the hosts it is made with, and for this machine. With --host a "
      "certificate is a server's, without it a user's (hearth serve --client-ca).",
      "hearth ca init --host box.lan --host 192.168.1.5\n"
      "hearth ca issue server --host box.lan\tfor hearth serve --cert --key\n"
      "hearth ca issue alice\tfor alice's programs\n"
      "hearth ca revoke alice\n",
      hth_opts_ca, false, "init issue revoke list show", hth_cli_ca, NULL },
    { "vault", "[options] status|passphrase|add FILE|add --tpm|remove SLOT",
      "What opens what this user's hearth keeps encrypted",
      "Conversations are sealed with a key that a key file opens (keyring.key in the state folder, "
      "or where HEARTH_KEY_FILE says), this machine's TPM, a passphrase, or any of them, tried in "
      "that order. With passphrase the key file is "
      "erased, and whoever starts the server is asked. A TPM's slot opens on this machine only: a "
      "disk or a copy elsewhere is of no use.",
      "hearth vault status\twhat opens it now\n"
      "hearth vault passphrase\tinstead of the key file\n"
      "hearth vault add /media/stick/hearth.key\ta key file on a stick\n"
      "hearth vault add --tpm --pcr 7 --pin\tthis machine, started as now, and a PIN\n",
      hth_opts_vault, false, "status passphrase add remove", hth_cli_vault, NULL },
    { "backup", "[options] FILE|-|list DIR|verify FILE",
      "Copy all that is kept into one sealed file",
      "Conversations, users, the audit log, the keyring, certificates, settings of models: as they "
      "are at one moment, while the server runs. The file is age's: age -d FILE opens it, and what "
      "comes out is a tar archive. Who has no key for it learns nothing but its size.",
      "age-keygen -o backup.key\ta key for backups; keep it elsewhere\n"
      "hearth backup -r age1... /media/stick/hearth.age\n"
      "hearth backup -R keys.txt --to /srv/backup --keep daily=7,weekly=4,monthly=6\n"
      "hearth backup -r age1... - | ssh nas 'cat > hearth.age'\n"
      "hearth backup verify -i backup.key hearth.age\tis it whole?\n",
      hth_opts_backup, false, "file", hth_cli_backup, NULL },
    { "restore", "[options] FILE|-", "Put a backup in the place of what is kept",
      "Everything is checked before anything is replaced, and replaced in one step; the old state "
      "stays beside it. Stop the server first. Who was erased since the backup stays erased, and "
      "the audit log goes on.",
      "hearth restore -i backup.key hearth.age\n"
      "hearth restore -i backup.key --dry-run hearth.age\twould it go?\n"
      "hearth restore -i backup.key --into /tmp/look hearth.age\tbeside what there is\n",
      hth_opts_restore, false, "file", hth_cli_restore, NULL },
#endif
#ifdef HTH_HAVE_TRAIN
    { "train", "SUBVERB [options]", "Train a small model, as ember was",
      "Run 'hearth train --help' for its subverbs.", NULL, NULL, false, NULL, NULL, hth_cli_train },
#endif
    { "doctor", "[options]", "What this machine has for hearth, and whether anything can leave it",
      "With --prove-offline every way out of the cage in which models are read, and of those of a "
      "server's other processes, is tried from processes in them: sockets of every kind, "
      "connections used anew, other programs, processes, namespaces, kernels; files and signals of "
      "one that only waits (a dash: what a process is for). Nothing is sent beyond loopback.",
      "hearth doctor\tprocessor, memory, kernel, cage\n"
      "hearth doctor --prove-offline\ttry the ways out; a table\n",
      hth_opts_doctor, false, NULL, hth_cli_doctor, NULL },
    { "version", "[options]", "Versions of the program, its numerics and its libraries", NULL, NULL,
      hth_opts_version, false, NULL, hth_cli_version, NULL },
    { "help", "[VERB]", "This list, or a verb's options and examples", NULL, NULL, hth_opts_help,
      false, NULL, hth_cli_help, NULL },
    { 0 },
};

const HthVerb *hth_verb_find(const char *name) {
    const char *names[32];
    size_t count = 0;
    for (const HthVerb *v = hth_verbs; v->name != NULL; v++) {
        if (strcmp(v->name, name) == 0) return v;
        if (count < HTH_COUNT(names)) names[count++] = v->name;
    }
    const char *near = hth_suggest(name, names, count);
    if (near != NULL)
        hth_cli_usage(NULL, "there is no verb '%.40s' (did you mean %s?)", name, near);
    else
        hth_cli_usage(NULL, "there is no verb '%.40s'", name);
    return NULL;
}

static int dispatch(int argc, char **argv) {
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        hth_help_all(stdout);
        return HTH_EXIT_OK;
    }
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0 || strcmp(name, "-v") == 0) name = "version";
    const HthVerb *verb = hth_verb_find(name);
    if (verb == NULL) return HTH_EXIT_USAGE;
    if (verb->raw != NULL) return verb->raw(argc - 1, argv + 1);
    HthArgs args = { .verb = verb, .argc = argc, .at = 2, .argv = argv };
    return verb->run(&args);
}

int main(int argc, char **argv) {
    hth_mem_wipe_freed();
    hth_json_init();
    int code = dispatch(argc, argv);
    /* What was printed must have arrived: a full disk is an error, not a success. */
    if (fflush(stdout) != 0 || ferror(stdout))
        return code != HTH_EXIT_OK ? code
                                   : hth_cli_error(HTH_EXIT_IO, "cannot write standard output");
    return code;
}
