/* serve.c - hearth serve: options, the parts in their order, and the end. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/source.h"
#include "cli/state.h"
#include "cli/vault.h"
#include "crypt/secret.h"
#include "serve/access_log.h"
#include "serve/house.h"
#include "serve/life.h"
#include "serve/model_facts.h"

enum {
    OPT_HOST = 1,
    OPT_PORT,
    OPT_SOCKET,
    OPT_PORT_FILE,
    OPT_MODELS,
    OPT_CTX,
    OPT_PARALLEL,
    OPT_THREADS,
    OPT_KV,
    OPT_CACHE,
    OPT_KEEP,
    OPT_LOADED,
    OPT_MEMORY,
    OPT_QUEUE,
    OPT_CERT,
    OPT_KEY,
    OPT_NAME,
    OPT_ORIGIN,
    OPT_OPEN,
    OPT_NO_CHATS,
    OPT_NO_WEB,
    OPT_NO_PACK,
    OPT_LOCK,
    OPT_LOG
};

const HthOpt hth_opts_serve[] = {
    { OPT_HOST, 0, "host", "ADDRESS", "listen here (default 127.0.0.1; HEARTH_HOST, OLLAMA_HOST)",
      NULL },
    { OPT_PORT, 'p', "port", "N", "TCP port (default 11434, or the next free one; 0: any)", NULL },
    { OPT_SOCKET, 0, "socket", "PATH", "unix socket (default: in the runtime folder; none: no)",
      "file" },
    { OPT_PORT_FILE, 0, "port-file", "FILE", "write the TCP port there once it is open", "file" },
    { OPT_MODELS, 0, "models", "DIR", "look for .gguf files there too; may be given several times",
      "dir" },
    { OPT_CTX, 'c', "ctx", "N", "tokens one request may hold (default: up to 4096)", NULL },
    { OPT_PARALLEL, 0, "parallel", "N", "requests one model answers at once (default 8)", NULL },
    { OPT_THREADS, 't', "threads", "N", "threads (default: every core this process may use)",
      NULL },
    { OPT_KV, 0, "kv", "TYPE", "cache of keys and values, as in hearth run", "f32 f16 q8_0 q4_0" },
    { OPT_CACHE, 0, "cache", "MIB", "memory for that cache (default: parallel contexts)", NULL },
    { OPT_KEEP, 0, "keep-alive", "TIME", "how long an idle model stays: 5m, 1h, 0, -1 (for ever)",
      NULL },
    { OPT_LOADED, 0, "max-loaded", "N", "models loaded at once (default: as many as fit)", NULL },
    { OPT_MEMORY, 0, "memory", "MIB", "memory all models may take (default: what there is)", NULL },
    { OPT_QUEUE, 0, "queue", "N", "requests waiting for one model (default 512)", NULL },
    { OPT_CERT, 0, "cert", "FILE", "certificate for TLS, PEM", "file" },
    { OPT_KEY, 0, "key", "FILE", "its private key, PEM", "file" },
    { OPT_NAME, 0, "name", "HOST", "a name clients may call this server by; several times", NULL },
    { OPT_ORIGIN, 0, "origin", "URL", "a page elsewhere that may use the API; several times",
      NULL },
    { OPT_OPEN, 0, "open", NULL, "print a link that lets a browser of this user in", NULL },
    { OPT_NO_CHATS, 0, "no-chats", NULL, "keep no conversations", NULL },
    { OPT_NO_WEB, 0, "no-web", NULL, "no chat in the browser", NULL },
    { OPT_NO_PACK, 0, "no-pack", NULL, "leave weights as they lie in the file: less memory, slower",
      NULL },
    { OPT_LOCK, 0, "lock", NULL, "keep the weights from leaving memory, or say why not", NULL },
    { OPT_LOG, 0, "log", "FILE", "one JSON line per request; never a prompt (-: standard error)",
      "file" },
    { 0 },
};

enum { LIST_MAX = 32, CONNECTIONS_MAX = 4096, PREP_THREADS = 4 };

typedef struct Job {
    HthLifeCfg life;
    HthHouseCfg house;
    const char *folders[LIST_MAX], *names[LIST_MAX], *origins[LIST_MAX];
    size_t folder_count, name_count, origin_count;
    const char *port_file, *log;
    bool open, no_chats, missing;
    HthBuf state, home, chats_path, keys_path;
    HthStore *store;
    HthChats *chats;
    HthAuth *auth;
    HthHouse *the_house;
    HthAccessLog *access;
    HthLife *the_life;
    HthHttp *http;
} Job;

/* ---- the command line ----------------------------------------------------------------------- */

static bool add(const HthArgs *args, const char **list, size_t *n) {
    if (*n == LIST_MAX) {
        hth_cli_usage("serve", "option --%s may be given %d times at most", args->name, LIST_MAX);
        return false;
    }
    list[(*n)++] = args->value;
    return true;
}

/* "5m", "1h30m", "300", "-1": seconds; negative is for ever. */
static bool seconds(const char *text, int64_t *out) {
    static const struct {
        char unit;
        int64_t s;
    } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
    int64_t sum = 0;
    if (hth_str_i64(hth_str(text), out)) return true;
    bool negative = *text == '-';
    for (const char *p = text + negative; *p;) {
        char *end;
        unsigned long n = strtoul(p, &end, 10);
        if (end == p || *p < '0' || *p > '9' || n > 1000000) return false;
        size_t i = 0;
        while (i < HTH_COUNT(units) && units[i].unit != *end) i++;
        if (i == HTH_COUNT(units)) return false;
        sum += (int64_t)n * units[i].s;
        p = end + 1;
    }
    *out = negative ? -1 : sum;
    return *text != 0;
}

static bool mib(const HthArgs *args, uint64_t *out) {
    uint32_t n = 0;
    if (!hth_args_u32(args, 1, UINT32_MAX, &n)) return false;
    *out = (uint64_t)n << 20;
    return true;
}

static bool option(Job *job, const HthArgs *args, int id) {
    HthEngineCfg *e = &job->house.engine;
    uint32_t n = 0;
    switch (id) {
    case OPT_HOST: job->life.host = args->value; return true;
    case OPT_PORT:
        if (!hth_args_u32(args, 0, 65535, &n)) return false;
        job->life.port = (int)n;
        return true;
    case OPT_SOCKET:
        job->life.unix_path = strcmp(args->value, "none") == 0 ? "" : args->value;
        return true;
    case OPT_PORT_FILE: job->port_file = args->value; return true;
    case OPT_MODELS: return add(args, job->folders, &job->folder_count);
    case OPT_CTX: return hth_args_u32(args, 16, 1u << 30, &e->ctx);
    case OPT_PARALLEL: return hth_args_u32(args, 1, 256, &e->parallel);
    case OPT_THREADS: return hth_args_u32(args, 1, 256, &e->threads);
    case OPT_KV: e->kv = args->value; return true;
    case OPT_CACHE: return mib(args, &e->cache_bytes);
    case OPT_KEEP:
        if (seconds(args->value, &job->house.keep_alive_s)) return true;
        hth_cli_usage("serve", "option --keep-alive needs a time: 300, 5m, 1h, 0, -1");
        return false;
    case OPT_LOADED: return hth_args_u32(args, 1, 1000, &job->house.models_max);
    case OPT_MEMORY: return mib(args, &job->house.memory_max);
    case OPT_QUEUE: return hth_args_u32(args, 1, 1000000, &e->queue_max);
    case OPT_CERT: job->life.cert_file = args->value; return true;
    case OPT_KEY: job->life.key_file = args->value; return true;
    case OPT_NAME: return add(args, job->names, &job->name_count);
    case OPT_ORIGIN: return add(args, job->origins, &job->origin_count);
    case OPT_OPEN: job->open = true; return true;
    case OPT_NO_CHATS: job->no_chats = true; return true;
    case OPT_NO_WEB: job->house.web = false; return true;
    case OPT_NO_PACK: e->no_pack = true; return true;
    case OPT_LOCK: job->house.lock = true; return true;
    case OPT_LOG: job->log = args->value; return true;
    default: break;
    }
    if (job->house.model) {
        hth_cli_usage("serve", "one MODEL answers by default; others are loaded when asked for");
        return false;
    }
    job->house.model = args->value;
    return true;
}

/* ---- the parts ------------------------------------------------------------------------------- */

static HthStatus open_store(Job *job, HthErr *err) {
    HthStoreCfg cfg = { .folders = job->folders, .folder_count = job->folder_count };
    HTH_TRY(hth_store_home(&job->home, err));
    cfg.home = hth_buf_str(&job->home).p;
    cfg.embedded = hth_source_ember();
    cfg.embedded_name = HTH_EMBER;
    cfg.facts = hth_model_facts;
    return hth_store_open(&job->store, &cfg, err);
}

static HthStatus open_state(Job *job, HthErr *err) {
    HTH_TRY(hth_state_folder(&job->state, true, err));
    HTH_TRY(hth_state_file(&job->keys_path, "keys.json", true, err));
    HTH_TRY(hth_state_file(&job->chats_path, "chats.db", true, err));
    job->life.state_folder = hth_buf_str(&job->state).p;
    HTH_TRY(hth_secret_process(err));
    if (job->no_chats) return HTH_OK;
    void *key = NULL;
    HTH_TRY(hth_vault_key(&key, HTH_KEY_DATABASE, err));
    const HthChatsCfg cfg = { .path = hth_buf_str(&job->chats_path).p, .key = key };
    const HthStatus status = hth_chats_open(&job->chats, &cfg, err);
    hth_secret_free(key);
    return status;
}

static HthStatus open_house(Job *job, HthErr *err) {
    const HthAuthCfg auth = { .keys_file = hth_buf_str(&job->keys_path).p, .owner_uid = geteuid() };
    HTH_TRY(hth_auth_open(&job->auth, &auth, err));
    job->house.store = job->store;
    job->house.chats = job->chats;
    job->house.auth = job->auth;
    HTH_TRY(hth_house_open(&job->the_house, &job->house, err));
    if (job->log) HTH_TRY(hth_access_log_open(&job->access, job->log, err));
    if (!job->house.model) return HTH_OK;
    return hth_house_preload(job->the_house, hth_str(job->house.model), &job->missing, err);
}

static HthStatus open_http(Job *job, HthErr *err) {
    static const char *const uploads[] = { "/api/blobs/" };
    size_t n = 0;
    const HthListen *listens = hth_life_listens(job->the_life, &n);
    HTH_TRY(hth_auth_check_listens(listens, n, hth_auth_key_count(job->auth), err));
    const HthHttpCfg cfg = { .hosts = job->names,
                             .host_count = job->name_count,
                             .origins = job->origins,
                             .origin_count = job->origin_count,
                             .connections_max = CONNECTIONS_MAX,
                             .connections_per_address_max = CONNECTIONS_MAX / 2,
                             .prep_threads = PREP_THREADS,
                             .uploads = uploads,
                             .upload_count = HTH_COUNT(uploads),
                             .handle = hth_house_handle,
                             .upload = hth_house_upload,
                             .refusal = hth_house_refusal,
                             .done = hth_house_done,
                             .payload = job->the_house };
    hth_house_log(job->the_house, job->access);
    HTH_TRY(hth_life_serve(job->the_life, &job->http, &cfg, err));
    hth_house_serve(job->the_house, job->http);
    return HTH_OK;
}

static void close_all(Job *job) {
    hth_http_close(&job->http);
    hth_house_close(&job->the_house);
    hth_access_log_close(&job->access);
    hth_auth_close(&job->auth);
    hth_chats_close(&job->chats);
    hth_store_close(&job->store);
    hth_life_close(&job->the_life);
    hth_buf_drop(&job->state);
    hth_buf_drop(&job->home);
    hth_buf_drop(&job->chats_path);
    hth_buf_drop(&job->keys_path);
}

/* ---- telling where it is --------------------------------------------------------------------- */

/* The first TCP listener; 0: none. */
static uint16_t tcp_port(const Job *job, const HthListen **which) {
    size_t n = 0;
    const HthListen *listens = hth_life_listens(job->the_life, &n);
    for (size_t i = 0; i < n; i++) {
        uint16_t port = hth_http_port(job->http, i);
        if (port == 0) continue;
        *which = &listens[i];
        return port;
    }
    return 0;
}

static void tell(const Job *job) {
    size_t n = 0;
    const HthListen *listens = hth_life_listens(job->the_life, &n);
    if (hth_life_moved(job->the_life))
        fputs("hearth: port 11434 is taken (by Ollama, perhaps); listening on the next free one\n",
              stderr);
    for (size_t i = 0; i < n; i++) {
        uint16_t port = hth_http_port(job->http, i);
        if (listens[i].unix_path)
            fprintf(stderr, "hearth: listening on unix:%s\n", listens[i].unix_path);
        else if (port)
            fprintf(stderr, "hearth: listening on %s://%s:%u\n",
                    listens[i].cert_file ? "https" : "http",
                    listens[i].host ? listens[i].host : "127.0.0.1", port);
    }
}

static HthStatus tell_link(const Job *job) {
    char token[HTH_TOKEN_TEXT];
    const HthListen *at = NULL;
    uint16_t port = tcp_port(job, &at);
    HthWho owner;
    if (!job->open || port == 0) return HTH_OK;
    hth_auth_owner(job->auth, &owner);
    hth_auth_link(job->auth, &owner, token);
    printf("%s://127.0.0.1:%u/login?t=%s\n", at->cert_file ? "https" : "http", port, token);
    fflush(stdout);
    fputs("hearth: this link lets one browser in, once, within five minutes\n", stderr);
    return HTH_OK;
}

static HthStatus tell_port(const Job *job, HthErr *err) {
    char text[16];
    const HthListen *at = NULL;
    if (!job->port_file) return HTH_OK;
    int n = snprintf(text, sizeof text, "%u\n", tcp_port(job, &at));
    return hth_file_write(job->port_file, text, (size_t)n, 0644, err);
}

/* ---- the verb -------------------------------------------------------------------------------- */

static HthStatus reload(void *payload, HthErr *err) {
    Job *job = payload;
    HTH_TRY(hth_http_reload(job->http, err));
    return job->access ? hth_access_log_reopen(job->access, err) : HTH_OK;
}

static int serve(Job *job) {
    HthErr err = { 0 };
    HthStatus st = open_state(job, &err);
    if (st == HTH_OK) st = hth_life_open(&job->the_life, &job->life, &err);
    if (st == HTH_OK) st = open_store(job, &err);
    if (st == HTH_OK) st = open_house(job, &err);
    if (st == HTH_OK) st = open_http(job, &err);
    if (st == HTH_OK) st = hth_house_idle(job->the_house, &err);
    if (st == HTH_OK) st = tell_port(job, &err);
    if (st != HTH_OK) {
        int code = hth_cli_fail(&err);
        return job->missing ? HTH_EXIT_NOINPUT : code;
    }
    tell(job);
    (void)tell_link(job);
    const HthLifeHooks hooks = { .reload = reload, .payload = job };
    if (!hth_life_run(job->the_life, job->http, &hooks))
        fputs("hearth: some requests were cut off\n", stderr);
    return HTH_EXIT_OK;
}

int hth_cli_serve(HthArgs *args) {
    Job job = { .life.port = -1, .house.web = true, .house.keep_alive_s = HTH_KEEP_DEFAULT };
    for (int id; (id = hth_args_next(args)) != HTH_ARG_END;) {
        if (id == HTH_ARG_HELP) return HTH_EXIT_OK;
        if (id == HTH_ARG_BAD || !option(&job, args, id)) return HTH_EXIT_USAGE;
    }
    hth_buf_init(&job.state, 4096);
    hth_buf_init(&job.home, 4096);
    hth_buf_init(&job.chats_path, 4096);
    hth_buf_init(&job.keys_path, 4096);
    int code = serve(&job);
    close_all(&job);
    return code;
}
