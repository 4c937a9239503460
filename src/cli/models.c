/* models.c - hearth list, create, cp, rm: the models of this user.
 *
 * Where a server runs it is asked; where none does the store is opened here, in a cage, and answers
 * the same requests with the same words (models_api.h). */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/caged.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/lora.h"
#include "cli/source.h"
#include "crypt/hash.h"
#include "import/adapter.h"
#include "serve/model_facts.h"
#include "serve/models_api.h"

enum {
    OPT_HOST = 1,
    OPT_JSON,
    OPT_FILE,
    OPT_NO_CAGE,
    NAMES_MAX = 64,
    PIECE = 1 << 24,
    ANSWER_MAX = 1 << 28
};

#define OPT_ROWS                                                                                   \
    { OPT_HOST,                                                                                    \
      0,                                                                                           \
      "host",                                                                                      \
      "ADDRESS",                                                                                   \
      "the server: 127.0.0.1:PORT or unix:PATH (default: the one "                                 \
      "that runs, or none)",                                                                       \
      NULL },                                                                                      \
        { OPT_JSON, 0, "json", NULL, "print JSON", NULL },                                         \
        { OPT_NO_CAGE, 0, "no-cage", NULL, HTH_CAGED_HELP, NULL }, {                               \
        0                                                                                          \
    }
const HthOpt hth_opts_list[] = { OPT_ROWS };
const HthOpt hth_opts_rm[] = { OPT_ROWS };
const HthOpt hth_opts_cp[] = { OPT_ROWS };
const HthOpt hth_opts_create[] = {
    { OPT_FILE, 'f', "file", "FILE",
      "the Modelfile (default: Modelfile, here; - is standard input)", "file" },
    OPT_ROWS
};

typedef struct Job {
    HthClient client;
    HthStore *store; /* NULL: a server answers */
    HthBuf home; /* of the store */
    const char *names[NAMES_MAX];
    size_t count;
    const char *file, *shown; /* shown: what progress is told of */
    bool json, no_cage;
    bool makes, parses; /* what there was not; a Modelfile */
    int percent; /* told last */
} Job;

/* 0, or what to leave with; *done: nothing is left to do. */
static int parse(Job *job, HthArgs *args, size_t names_min, size_t names_max, bool *done) {
    *done = true;
    for (int id; (id = hth_args_next(args)) != HTH_ARG_END;) {
        switch (id) {
        case OPT_HOST: job->client.host = args->value; break;
        case OPT_JSON: job->json = true; break;
        case OPT_FILE: job->file = args->value; break;
        case OPT_NO_CAGE: job->no_cage = true; break;
        case HTH_ARG_HELP: return HTH_EXIT_OK;
        case HTH_ARG_BAD: return HTH_EXIT_USAGE;
        default:
            if (job->count == names_max)
                return hth_cli_usage(args->verb->name, "usage: hearth %s %s", args->verb->name,
                                     args->verb->synopsis);
            job->names[job->count++] = args->value;
        }
    }
    if (job->count < names_min)
        return hth_cli_usage(args->verb->name, "usage: hearth %s %s", args->verb->name,
                             args->verb->synopsis);
    *done = false;
    return HTH_EXIT_OK;
}

/* ---- whom to ask ----------------------------------------------------------------------------- */

/* The file is in a Modelfile, which may be anybody's, too: so every file can be read until that has
 * said which it is (narrow). */
static int close_cage(const Job *job, const char *home) {
    const HthCaged c = { .trees = { home },
                         .reads = { job->parses ? "/" : NULL },
                         .off = job->no_cage };
    if (job->makes) hth_caged_tree(home);
    return hth_caged(&c);
}

static int narrow(const Job *job, const char *file, const char *adapter) {
    const bool folder = *adapter && hth_lora_is_folder(adapter);
    const HthCaged c = { .trees = { job->home.p },
                         .reads = { folder ? adapter : NULL },
                         .models = { *file ? file : NULL, *adapter && !folder ? adapter : NULL } };
    return hth_caged_state() ? hth_caged(&c) : HTH_EXIT_OK;
}

static int open_store(Job *job) {
    HthErr err = { 0 };
    HthStatus st = hth_store_home(&job->home, &err);
    const HthStoreCfg cfg = { .home = hth_buf_str(&job->home).p,
                              .embedded = hth_source_ember(),
                              .embedded_name = HTH_EMBER,
                              .facts = hth_model_facts };
    if (st != HTH_OK) return hth_cli_fail(&err);
    const int code = close_cage(job, cfg.home);
    if (code != HTH_EXIT_OK) return code;
    st = hth_store_open(&job->store, &cfg, &err);
    return st == HTH_OK ? HTH_EXIT_OK : hth_cli_fail(&err);
}

/* Another program may answer at that address: its models are not ours to change. */
static HthStatus find_server(const Job *job, HthErr *err) {
    HthBuf answer;
    json_t *root = NULL;
    int status = 0;
    hth_buf_init(&answer, 1 << 20);
    HthStatus st =
        hth_client_call(&job->client, "GET", "/api/version", HTH_STR(""), &status, &answer, err);
    if (st == HTH_OK && hth_json_parse(&root, hth_buf_str(&answer), answer.n, NULL) != HTH_OK)
        root = NULL;
    if (st == HTH_OK && !json_is_string(json_object_get(root, "numerics")))
        st = HTH_FAIL(err, HTH_EAGAIN, "what answers there is another program, not hearth");
    json_decref(root);
    hth_buf_drop(&answer);
    return st;
}

static int open_job(Job *job) {
    HthErr err = { 0 };
    const bool named = job->client.host || getenv("HEARTH_HOST");
    const HthStatus st = find_server(job, &err);
    if (st == HTH_EAGAIN && named) return hth_cli_error(HTH_EXIT_UNAVAILABLE, "%s", err.text);
    if (st == HTH_EAGAIN) return open_store(job);
    return st == HTH_OK ? HTH_EXIT_OK : hth_cli_fail(&err);
}

/* One request, of the server or of the store. Takes body; *out may be NULL: an empty answer. */
static int ask(Job *job, const char *method, const char *path, HthModelsFn fn, json_t *body,
               json_t **out) {
    HthBuf text, answer;
    HthErr err = { 0 };
    int status = 0, code;
    hth_buf_init(&text, HTH_MODELFILE_MAX * 2);
    hth_buf_init(&answer, ANSWER_MAX);
    HthStatus st = HTH_OK;
    if (body) st = hth_json_write(&text, body, 0, &err);
    if (st == HTH_OK && job->store) {
        HthModelsAsk a = { .store = job->store, .body = hth_buf_str(&text) };
        status = fn(&a, &answer);
    } else if (st == HTH_OK) {
        st =
            hth_client_call(&job->client, method, path, hth_buf_str(&text), &status, &answer, &err);
    }
    code = st == HTH_OK ? hth_client_take(status, hth_buf_str(&answer), out) : hth_cli_fail(&err);
    json_decref(body);
    hth_buf_drop(&text);
    hth_buf_drop(&answer);
    return code;
}

/* A body with texts that are NULL when they are not UTF-8; they never are NULL otherwise. */
static int no_text(const char *verb) {
    return hth_cli_usage(verb, "a model's name is UTF-8 text");
}

/* ---- list ------------------------------------------------------------------------------------ */

static const char *text(const json_t *m, const char *key) {
    const char *s = json_string_value(json_object_get(m, key));
    return s ? s : "";
}

static void print_model(const json_t *m) {
    char bytes[32], when[48];
    const char *name = text(m, "name"), *digest = text(m, "digest");
    hth_cli_size(bytes, json_number_value(json_object_get(m, "size")));
    if (!hth_cli_when(when, text(m, "modified_at"))) when[0] = 0;
    hth_cli_print_safe(stdout, hth_str(name));
    const int pad = 28 - (int)strlen(name);
    printf("%*s %-13.12s %-9s ", pad > 0 ? pad : 0, "", *digest ? digest : "-", bytes);
    hth_cli_print_safe(stdout, hth_str(*text(m, "error") ? text(m, "error") : when));
    putchar('\n');
}

static int list(Job *job) {
    json_t *root = NULL, *m;
    size_t i;
    const int code = ask(job, "GET", "/api/tags", hth_models_api_tags, NULL, &root);
    if (code != HTH_EXIT_OK) return code;
    if (job->json) return hth_cli_json(root);
    printf("%-28s %-13s %-9s %s\n", "NAME", "ID", "SIZE", "MODIFIED");
    json_array_foreach(json_object_get(root, "models"), i, m) print_model(m);
    json_decref(root);
    return HTH_EXIT_OK;
}

/* ---- cp, rm ---------------------------------------------------------------------------------- */

static int finish(const Job *job, const char *what, const char *name) {
    return job->json ? hth_cli_json(json_pack("{s:s}", what, name)) : HTH_EXIT_OK;
}

static int cp(Job *job) {
    json_t *none = NULL;
    json_t *body = json_pack("{s:s, s:s}", "source", job->names[0], "destination", job->names[1]);
    if (!body) return no_text("cp");
    const int code = ask(job, "POST", "/api/copy", hth_models_api_copy, body, &none);
    json_decref(none);
    return code == HTH_EXIT_OK ? finish(job, "copied", job->names[1]) : code;
}

/* The first that cannot be deleted ends it; those before it are gone. */
static int rm(Job *job) {
    for (size_t i = 0; i < job->count; i++) {
        json_t *none = NULL, *body = json_pack("{s:s}", "model", job->names[i]);
        if (!body) return no_text("rm");
        int code = ask(job, "DELETE", "/api/delete", hth_models_api_delete, body, &none);
        json_decref(none);
        if (code == HTH_EXIT_OK) code = finish(job, "deleted", job->names[i]);
        if (code != HTH_EXIT_OK) return code;
    }
    return HTH_EXIT_OK;
}

/* ---- create: the file it is made from -------------------------------------------------------- */

static void tell(void *payload, uint64_t done, uint64_t total) {
    Job *job = payload;
    const int percent = total ? (int)(done * 100 / total) : 100;
    if (percent == job->percent || !job->shown) return;
    job->percent = percent;
    fprintf(stderr, "\rhearth: %s %3d %%%s", job->shown, percent, percent == 100 ? "\n" : "");
}

static void shown(Job *job, const char *what) {
    job->shown = isatty(STDERR_FILENO) ? what : NULL;
    job->percent = -1;
}

static HthStatus digest_of(Job *job, HthStr file, char out[80], HthErr *err) {
    HthHash h = { 0 };
    uint8_t sum[HTH_HASH_BYTES];
    HTH_TRY(hth_hash_begin(&h, HTH_SHA256, err));
    shown(job, "reading the file");
    for (size_t at = 0; at < file.n;) {
        const size_t n = file.n - at < PIECE ? file.n - at : PIECE;
        hth_hash_add(&h, file.p + at, n);
        at += n;
        tell(job, at, file.n);
    }
    hth_hash_end(&h, sum);
    memcpy(out, "sha256:", 7);
    hth_hex(out + 7, sum, sizeof sum);
    return HTH_OK;
}

static HthStatus keep_here(Job *job, HthStr file, const char *digest, HthErr *err) {
    HthBlob *blob = NULL;
    bool there = false;
    HTH_TRY(hth_blob_has(job->store, hth_str(digest), &there, NULL, err));
    if (there) return HTH_OK;
    HthStatus st = hth_blob_begin(job->store, hth_str(digest), &blob, err);
    shown(job, "copying the file");
    for (size_t at = 0; st == HTH_OK && at < file.n;) {
        const size_t n = file.n - at < PIECE ? file.n - at : PIECE;
        st = hth_blob_add(blob, file.p + at, n, err);
        at += n;
        if (st == HTH_OK) tell(job, at, file.n);
    }
    if (st == HTH_OK) return hth_blob_commit(&blob, err);
    hth_blob_abort(&blob);
    return st;
}

static int send_blob(Job *job, HthStr file, const char *digest) {
    char path[112];
    HthBuf answer;
    HthErr err = { 0 };
    json_t *none = NULL;
    int status = 0, code = HTH_EXIT_OK;
    HthClient c = job->client;
    snprintf(path, sizeof path, "/api/blobs/%s", digest);
    hth_buf_init(&answer, 1 << 20);
    HthStatus st = hth_client_call(&c, "HEAD", path, HTH_STR(""), &status, &answer, &err);
    if (st == HTH_OK && status != 200) {
        shown(job, "sending the file");
        c.sent = tell;
        c.payload = job;
        hth_buf_clear(&answer);
        st = hth_client_call(&c, "POST", path, file, &status, &answer, &err);
        if (st == HTH_OK) code = hth_client_take(status, hth_buf_str(&answer), &none);
    }
    json_decref(none);
    hth_buf_drop(&answer);
    return st == HTH_OK ? code : hth_cli_fail(&err);
}

/* Brings a file's bytes into the store; their digest, to be named in the request. */
static int bring(Job *job, HthStr file, char digest[80]) {
    HthErr err = { 0 };
    int code = HTH_EXIT_OK;
    HthStatus st = digest_of(job, file, digest, &err);
    if (st == HTH_OK && job->store) st = keep_here(job, file, digest, &err);
    if (st == HTH_OK && !job->store) code = send_blob(job, file, digest);
    return st == HTH_OK ? code : hth_cli_fail(&err);
}

static int bring_file(Job *job, const char *path, char digest[80]) {
    HthFileMap map = { 0 };
    HthErr err = { 0 };
    if (hth_file_map(&map, path, &err) != HTH_OK) return hth_cli_fail(&err);
    const int code = bring(job, (HthStr){ (const char *)map.data, map.n }, digest);
    hth_file_unmap(&map);
    return code;
}

/* The file of the model that an adapter's folder is for: FROM's, by its path or its name here. */
static HthStatus open_base(Job *job, HthGguf **out, const char *path, const char *name,
                           HthErr *err) {
    HthStoreList *found = NULL;
    /* Who asks a server is in no cage, and folders from elsewhere are not read outside one. */
    HTH_REQUIRE(job->store, err, HTH_ENOTSUP,
                "ADAPTER is a folder, and a server is asked, which takes files: "
                "hearth import FOLDER --base MODEL makes one of it");
    if (*path) return hth_gguf_open(out, path, err);
    HTH_TRY(hth_store_find(job->store, hth_str(name), &found, err));
    const HthStored *m = found->count ? found->items : NULL;
    HthStatus st = HTH_OK;
    if (!m)
        st = HTH_FAIL(err, HTH_EINVAL, "FROM %s: there is no such model", name);
    else if (m->path)
        st = hth_gguf_open(out, m->path, err);
    else
        st = hth_gguf_open_mem(out, m->memory.p, m->memory.n, m->full, err);
    hth_store_list_close(&found);
    return st;
}

/* An adapter as PEFT keeps it, as the file that it is for that model. */
static int bring_folder(Job *job, const char *folder, const char *path, const char *name,
                        char digest[80]) {
    HthErr err = { 0 };
    HthGguf *base = NULL;
    HthBuf made;
    int code = HTH_EXIT_OK;
    hth_buf_init(&made, HTH_ADAPTER_FILE_MAX);
    HthStatus st = open_base(job, &base, path, name, &err);
    if (st == HTH_OK) st = hth_import_adapter_bytes(&made, folder, base, &err);
    if (st == HTH_OK) code = bring(job, hth_buf_str(&made), digest);
    hth_gguf_close(&base);
    hth_buf_drop(&made);
    return st == HTH_OK ? code : hth_cli_fail(&err);
}

/* Where FROM or ADAPTER points: beside the Modelfile, or from the root or the home; an adapter may
 * be a folder. *out empty: it is a model's name, or a digest. */
static HthStatus path_of(const Job *job, const char *what, const char *from, HthBuf *out,
                         HthErr *err) {
    const char *slash = strrchr(job->file, '/'), *home = getenv("HOME");
    struct stat st;
    if (from[0] == '~' && from[1] == '/' && home)
        HTH_TRY(hth_buf_printf(out, err, "%s%s", home, from + 1));
    else if (from[0] == '/' || !slash)
        HTH_TRY(hth_buf_printf(out, err, "%s", from));
    else
        HTH_TRY(hth_buf_printf(out, err, "%.*s/%s", (int)(slash - job->file), job->file, from));
    const bool there = !stat(out->p, &st), adapter = strcmp(what, "ADAPTER") == 0;
    if (there && (S_ISREG(st.st_mode) || (adapter && S_ISDIR(st.st_mode)))) return HTH_OK;
    const bool path = strchr("./~", from[0]) || hth_str_ends(hth_str(from), HTH_STR(".gguf"));
    HTH_REQUIRE(!path, err, HTH_EIO, "%s: there is no such file; a path begins at the Modelfile",
                what);
    hth_buf_clear(out);
    return HTH_OK;
}

/* ---- create ---------------------------------------------------------------------------------- */

/* What a Modelfile names. */
typedef struct Made {
    const char *from; /* as it says */
    const char *path, *adapter; /* files; adapter may be a folder; "": none */
} Made;

/* The file with this digest, in the request. */
static int add_digest(json_t *body, const char *member, const char *digest) {
    const int st = json_object_set_new(body, member, json_pack("{s:s}", "model.gguf", digest));
    return st == 0 ? HTH_EXIT_OK : hth_cli_error(HTH_EXIT_OS, "out of memory");
}

/* Brings them, and has their digests in the request. */
static int add_files(Job *job, json_t *body, const Made *m) {
    char digest[80];
    int code = HTH_EXIT_OK;
    if (*m->path) code = bring_file(job, m->path, digest);
    if (*m->path && code == HTH_EXIT_OK) code = add_digest(body, "files", digest);
    if (!*m->adapter || code != HTH_EXIT_OK) return code;
    code = hth_lora_is_folder(m->adapter) ? bring_folder(job, m->adapter, m->path, m->from, digest)
                                          : bring_file(job, m->adapter, digest);
    return code == HTH_EXIT_OK ? add_digest(body, "adapters", digest) : code;
}

static int make(Job *job, HthStr file, const Made *m) {
    json_t *answer = NULL;
    json_t *body = json_pack("{s:s, s:o, s:b}", "model", job->names[0], "modelfile",
                             hth_json_str(file), "stream", 0);
    if (!body) return no_text("create");
    int code = add_files(job, body, m);
    if (code != HTH_EXIT_OK) {
        json_decref(body);
        return code;
    }
    code = ask(job, "POST", "/api/create", hth_models_api_create, body, &answer);
    if (code != HTH_EXIT_OK) return code;
    if (job->json) return hth_cli_json(answer);
    printf("%s\n", text(answer, "status"));
    json_decref(answer);
    return HTH_EXIT_OK;
}

static int create(Job *job) {
    HthBuf file, path, adapter;
    HthErr err = { 0 };
    json_t *settings = NULL;
    if (!job->file) job->file = "Modelfile";
    int code = hth_cli_readable(job->file);
    if (code != HTH_EXIT_OK) return code;
    hth_buf_init(&file, HTH_MODELFILE_MAX);
    hth_buf_init(&path, 8192);
    hth_buf_init(&adapter, 8192);
    HthStatus st = hth_file_read(&file, job->file, &err);
    if (st == HTH_OK) st = hth_modelfile_parse(&settings, hth_buf_str(&file), &err);
    const char *from = st == HTH_OK ? text(settings, "from") : "";
    if (st == HTH_OK) st = path_of(job, "FROM", from, &path, &err);
    const char *lora = st == HTH_OK ? text(settings, "adapter") : "";
    if (*lora) st = path_of(job, "ADAPTER", lora, &adapter, &err);
    const Made made = { from, hth_buf_str(&path).p, hth_buf_str(&adapter).p };
    code = st == HTH_OK ? narrow(job, made.path, made.adapter) : hth_cli_fail(&err);
    if (code == HTH_EXIT_OK) code = make(job, hth_buf_str(&file), &made);
    json_decref(settings);
    hth_buf_drop(&adapter);
    hth_buf_drop(&file);
    hth_buf_drop(&path);
    return code;
}

/* ---- the verbs ------------------------------------------------------------------------------- */

static int verb(HthArgs *args, size_t names_min, size_t names_max, int (*run)(Job *job)) {
    Job job = { .makes = run == create || run == cp, .parses = run == create };
    bool done;
    int code = parse(&job, args, names_min, names_max, &done);
    if (done) return code;
    hth_buf_init(&job.home, 4096);
    code = open_job(&job);
    if (code == HTH_EXIT_OK) code = run(&job);
    hth_store_close(&job.store);
    hth_buf_drop(&job.home);
    return code;
}

int hth_cli_list(HthArgs *args) {
    return verb(args, 0, 0, list);
}

int hth_cli_create(HthArgs *args) {
    return verb(args, 1, 1, create);
}

int hth_cli_cp(HthArgs *args) {
    return verb(args, 2, 2, cp);
}

int hth_cli_rm(HthArgs *args) {
    return verb(args, 1, NAMES_MAX, rm);
}
