/* import.c - hearth import: a folder of safetensors to a GGUF file.
 *
 * Thread: the main thread. */
#include "import/adapter.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cli/caged.h"
#include "cli/cli.h"
#include "cli/term.h"

enum { OPT_OUT = 1, OPT_TYPE, OPT_NAME, OPT_FORCE, OPT_JSON, OPT_BASE, OPT_NO_CAGE };

const HthOpt hth_opts_import[] = {
    { OPT_OUT, 'o', "out", "FILE", "the file to write (default: FOLDER's name and .gguf, here)",
      "file" },
    { OPT_TYPE, 0, "type", "f32|f16|bf16|keep",
      "what matrices become (default: keep, what they are); norms and biases are f32",
      "f32 f16 bf16 keep" },
    { OPT_NAME, 0, "name", "NAME", "the name written into the file (default: FOLDER's)", NULL },
    { OPT_BASE, 0, "base", "MODEL",
      "FOLDER is a LoRA adapter of PEFT's, and this the GGUF file of its model", "gguf" },
    { OPT_FORCE, 0, "force", NULL, "replace a file that is there", NULL },
    { OPT_JSON, 0, "json", NULL, "say what was made as JSON", NULL },
    { OPT_NO_CAGE, 0, "no-cage", NULL, HTH_CAGED_HELP, NULL },
    { 0 },
};

typedef struct Asked {
    const char *folder, *out, *base;
    char made[PATH_MAX]; /* out, where none was given */
    HthImportOpt opt;
    bool json, no_cage;
} Asked;

static int on_progress(uint64_t done, uint64_t total) {
    hth_progress("importing", (size_t)(done >> 20), (size_t)(total >> 20));
    return hth_interrupted();
}

static int set_type(HthImportOpt *opt, const char *value) {
    static const struct {
        const char *name, *fmt;
    } types[] = { { "f32", "F32" }, { "f16", "F16" }, { "bf16", "BF16" }, { "keep", NULL } };
    for (size_t i = 0; i < HTH_COUNT(types); i++) {
        if (strcmp(value, types[i].name) != 0) continue;
        opt->to = types[i].fmt != NULL ? hth_fmt_by_name(types[i].fmt) : NULL;
        return HTH_EXIT_OK;
    }
    return hth_cli_usage("import", "--type is one of f32, f16, bf16 and keep; fewer bits are "
                                   "hearth quantize's");
}

static int parse(HthArgs *args, Asked *a, bool *stop) {
    *stop = true;
    a->opt = (HthImportOpt){ .progress = on_progress };
    for (int id, code = HTH_EXIT_OK; (id = hth_args_next(args)) != HTH_ARG_END;) {
        switch (id) {
        case OPT_OUT: a->out = args->value; break;
        case OPT_TYPE: code = set_type(&a->opt, args->value); break;
        case OPT_NAME: a->opt.name = args->value; break;
        case OPT_BASE: a->base = args->value; break;
        case OPT_FORCE: a->opt.force = true; break;
        case OPT_JSON: a->json = true; break;
        case OPT_NO_CAGE: a->no_cage = true; break;
        case HTH_ARG_HELP: return HTH_EXIT_OK;
        case HTH_ARG_BAD: return HTH_EXIT_USAGE;
        default:
            if (a->folder != NULL) return hth_cli_usage("import", "import takes one folder");
            a->folder = args->value;
        }
        if (code != HTH_EXIT_OK) return code;
    }
    if (a->folder == NULL) return hth_cli_usage("import", "which folder?");
    *stop = false;
    return HTH_EXIT_OK;
}

/* The folder's own name, whatever it was called by, and .gguf. */
static int name_out(Asked *a) {
    char real[PATH_MAX];
    if (a->out != NULL) return HTH_EXIT_OK;
    const char *at = realpath(a->folder, real) != NULL ? strrchr(real, '/') : NULL;
    if (at == NULL || at[1] == '\0') { /* the root; or not there, which import says */
        a->out = "model.gguf";
        return HTH_EXIT_OK;
    }
    if (snprintf(a->made, sizeof a->made, "%s.gguf", at + 1) >= (int)sizeof a->made)
        return hth_cli_usage("import", "FOLDER's name is too long: name a file with -o");
    a->out = a->made;
    return HTH_EXIT_OK;
}

static int say(const Asked *a, json_t *said) {
    char size[32];
    const char *type;
    size_t i;
    json_t *v;
    if (a->json) return hth_cli_json(said);
    hth_cli_size(size, json_number_value(json_object_get(said, "bytes")));
    printf("%s: %s, %s, %.4g million weights;", a->out, size,
           json_string_value(json_object_get(said, "architecture")),
           json_number_value(json_object_get(said, "parameters")) / 1e6);
    json_object_foreach(json_object_get(said, "tensors"), type, v)
        printf(" %lld %s", (long long)json_integer_value(v), type);
    putchar('\n');
    json_array_foreach(json_object_get(said, "notes"), i, v)
        printf("note: %s\n", json_string_value(v));
    json_decref(said);
    return HTH_EXIT_OK;
}

static int say_adapter(const Asked *a, json_t *said) {
    char size[32];
    if (a->json) return hth_cli_json(said);
    hth_cli_size(size, json_number_value(json_object_get(said, "bytes")));
    printf("%s: %s, %s, %lld matrices, rank %lld, alpha %.9g\n", a->out, size,
           json_string_value(json_object_get(said, "architecture")),
           (long long)json_integer_value(json_object_get(said, "matrices")),
           (long long)json_integer_value(json_object_get(said, "rank")),
           json_number_value(json_object_get(said, "alpha")));
    json_decref(said);
    return HTH_EXIT_OK;
}

/* In the cage. */
static int import(const Asked *a) {
    HthErr err = { 0 };
    json_t *said = NULL;
    bool adapter = false;
    HthStatus st = hth_import_is_adapter(a->folder, &adapter, &err);
    if (st == HTH_OK && adapter && !a->base)
        st = HTH_FAIL(&err, HTH_EINVAL,
                      "this is the folder of an adapter: name its model's GGUF file with --base");
    if (st == HTH_OK && !adapter && a->base)
        st =
            HTH_FAIL(&err, HTH_EINVAL, "the folder has no adapter_config.json: it is no adapter's");
    if (st == HTH_OK && adapter)
        st = hth_import_adapter(&said, a->folder, a->base, a->out, &a->opt, &err);
    else if (st == HTH_OK)
        st = hth_import(&said, a->folder, a->out, &a->opt, &err);
    hth_progress_end();
    if (st != HTH_OK) return hth_cli_fail(&err);
    return adapter ? say_adapter(a, said) : say(a, said);
}

int hth_cli_import(HthArgs *args) {
    static Asked asked; /* large */
    bool stop;
    int code = parse(args, &asked, &stop);
    if (stop) return code;
    code = name_out(&asked);
    if (code != HTH_EXIT_OK) return code;
    HthCaged caged = { .reads = { asked.folder },
                       .models = { asked.base },
                       .writes = { asked.out },
                       .off = hth_caged_off(asked.no_cage) };
    code = hth_caged(&caged);
    if (code != HTH_EXIT_OK) return code;
    hth_interrupt_catch();
    return import(&asked);
}
