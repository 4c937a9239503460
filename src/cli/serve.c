/* serve.c - hearth serve: its options. */
#include <stdlib.h>
#include <string.h>

#include "cli/caged.h"
#include "cli/serve_parts.h"

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
    OPT_CLIENT_CA,
    OPT_CLIENT_CA_ONLY,
    OPT_NAME,
    OPT_ORIGIN,
    OPT_OPEN,
    OPT_NO_CHATS,
    OPT_NO_WEB,
    OPT_NO_PACK,
    OPT_LOCK,
    OPT_LOG,
    OPT_AUDIT_CONTENT,
    OPT_NO_CAGE,
    OPT_LORA,
    OPT_NO_AUDIT
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
    { OPT_CLIENT_CA, 0, "client-ca", "FOLDER",
      "ask clients for a certificate of this authority: ca.crt and crl.pem (hearth ca)", "dir" },
    { OPT_CLIENT_CA_ONLY, 0, "client-ca-only", NULL, "and refuse the connection without one",
      NULL },
    { OPT_NAME, 0, "name", "HOST", "a name clients may call this server by; several times", NULL },
    { OPT_ORIGIN, 0, "origin", "URL", "a page elsewhere that may use the API; several times",
      NULL },
    { OPT_OPEN, 0, "open", NULL, "print a link that lets a browser of this user in", NULL },
    { OPT_NO_CHATS, 0, "no-chats", NULL, "keep no conversations", NULL },
    { OPT_NO_WEB, 0, "no-web", NULL, "no chat in the browser", NULL },
    { OPT_LORA, 0, "lora", HTH_LORA_VALUE,
      "lay this LoRA adapter over MODEL where a request does not say otherwise; several times",
      "gguf" },
    { OPT_NO_PACK, 0, "no-pack", NULL, "leave weights as they lie in the file: less memory, slower",
      NULL },
    { OPT_LOCK, 0, "lock", NULL, "keep the weights from leaving memory, or say why not", NULL },
    { OPT_LOG, 0, "log", "FILE", "one JSON line per request; never a prompt (-: standard error)",
      "file" },
    { OPT_AUDIT_CONTENT, 0, "audit-content", "KIND",
      "what the audit log says of texts: none, commit (default), encrypted",
      "none commit encrypted" },
    { OPT_NO_CAGE, 0, "no-cage", NULL, HTH_CAGED_HELP, NULL },
    { OPT_NO_AUDIT, 0, "no-audit", NULL, "keep no audit log", NULL },
    { 0 },
};

/* ---- the command line ----------------------------------------------------------------------- */

static bool add(const HthArgs *args, const char **list, size_t *n) {
    if (*n == HTH_SERVE_LIST_MAX) {
        hth_cli_usage("serve", "option --%s may be given %d times at most", args->name,
                      HTH_SERVE_LIST_MAX);
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

static bool option(HthServe *s, const HthArgs *args, int id) {
    HthEngineCfg *e = &s->house.engine;
    uint32_t n = 0;
    switch (id) {
    case OPT_HOST: s->life.host = args->value; return true;
    case OPT_PORT:
        if (!hth_args_u32(args, 0, 65535, &n)) return false;
        s->life.port = (int)n;
        return true;
    case OPT_SOCKET:
        s->life.unix_path = strcmp(args->value, "none") == 0 ? "" : args->value;
        return true;
    case OPT_PORT_FILE: s->port_file = args->value; return true;
    case OPT_MODELS: return add(args, s->folders, &s->folder_count);
    case OPT_CTX: return hth_args_u32(args, 16, 1u << 30, &e->ctx);
    case OPT_PARALLEL: return hth_args_u32(args, 1, 256, &e->parallel);
    case OPT_THREADS: return hth_args_u32(args, 1, 256, &e->threads);
    case OPT_KV: e->kv = args->value; return true;
    case OPT_CACHE: return mib(args, &e->cache_bytes);
    case OPT_KEEP:
        if (seconds(args->value, &s->house.keep_alive_s)) return true;
        hth_cli_usage("serve", "option --keep-alive needs a time: 300, 5m, 1h, 0, -1");
        return false;
    case OPT_LOADED: return hth_args_u32(args, 1, 1000, &s->house.models_max);
    case OPT_MEMORY: return mib(args, &s->house.memory_max);
    case OPT_QUEUE: return hth_args_u32(args, 1, 1000000, &e->queue_max);
    case OPT_CERT: s->life.cert_file = args->value; return true;
    case OPT_KEY: s->life.key_file = args->value; return true;
    case OPT_CLIENT_CA: s->life.client_ca = args->value; return true;
    case OPT_CLIENT_CA_ONLY: s->life.client_ca_only = true; return true;
    case OPT_NAME: return add(args, s->names, &s->name_count);
    case OPT_ORIGIN: return add(args, s->origins, &s->origin_count);
    case OPT_OPEN: s->open = true; return true;
    case OPT_NO_CHATS: s->no_chats = true; return true;
    case OPT_NO_WEB: s->house.web = false; return true;
    case OPT_LORA: return hth_lora_add(&s->loras, "serve", args->value);
    case OPT_NO_PACK: e->no_pack = true; return true;
    case OPT_LOCK: s->house.lock = true; return true;
    case OPT_LOG: s->log = args->value; return true;
    case OPT_AUDIT_CONTENT: return hth_serve_audit_content(s, args->value);
    case OPT_NO_CAGE: s->no_cage = true; return true;
    case OPT_NO_AUDIT: s->no_audit = true; return true;
    default: break;
    }
    if (s->house.model) {
        hth_cli_usage("serve", "one MODEL answers by default; others are loaded when asked for");
        return false;
    }
    s->house.model = args->value;
    return true;
}

/* ---- the verb -------------------------------------------------------------------------------- */

int hth_cli_serve(HthArgs *args) {
    static HthServe s;
    int code = HTH_EXIT_OK;
    hth_serve_init(&s);
    for (int id; code == HTH_EXIT_OK && (id = hth_args_next(args)) != HTH_ARG_END;) {
        if (id == HTH_ARG_HELP)
            code = HTH_ARG_HELP;
        else if (id == HTH_ARG_BAD || !option(&s, args, id))
            code = HTH_EXIT_USAGE;
    }
    if (code == HTH_EXIT_OK && s.life.client_ca_only && !s.life.client_ca)
        code = hth_cli_usage("serve", "option --client-ca-only needs --client-ca FOLDER");
    if (code == HTH_EXIT_OK) code = hth_serve_run(&s);
    hth_serve_drop(&s);
    return code == HTH_ARG_HELP ? HTH_EXIT_OK : code;
}
