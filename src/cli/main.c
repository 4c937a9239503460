/* main.c - the program: find the verb, run it, leave with its code.
 *
 * The verb table is the single list of what a person can type. */
#include <string.h>

#include "cli/cli.h"

const HthVerb hth_verbs[] = {
    { "run", "[options] [MODEL] [PROMPT...]",
      "Talk with a model: one answer, or a chat on a terminal",
      "Without MODEL the small model inside this program, ember, answers. The first argument is a "
      "model if it is a file, ends in .gguf, or is a path without blanks (or the word ember); "
      "anything else begins the prompt. What arrives on standard input is put before the prompt. "
      "On a terminal without a prompt a chat begins; /help there lists its commands.",
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
#ifdef HTH_HAVE_TRAIN
    { "train", "SUBVERB [options]", "Train a small model, as ember was",
      "Run 'hearth train --help' for its subverbs.", NULL, NULL, false, NULL, NULL, hth_cli_train },
#endif
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
    hth_json_init();
    int code = dispatch(argc, argv);
    /* What was printed must have arrived: a full disk is an error, not a success. */
    if (fflush(stdout) != 0 || ferror(stdout))
        return code != HTH_EXIT_OK ? code
                                   : hth_cli_error(HTH_EXIT_IO, "cannot write standard output");
    return code;
}
