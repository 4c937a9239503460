/* serve_parts.c - see serve_parts.h.
 *
 * Thread: as there. */
#include "cli/serve_parts.h"

#include <unistd.h>

#include "base/log.h"
#include "cli/source.h"
#include "cli/state.h"
#include "cli/user.h"
#include "cli/vault.h"
#include "crypt/secret.h"
#include "serve/model_facts.h"

enum { CONNECTIONS_MAX = 4096, PREP_THREADS = 4 };

/* ---- the parts ------------------------------------------------------------------------------- */

static HthStatus open_store(HthServe *s, HthErr *err) {
    HthStoreCfg cfg = { .folders = s->folders, .folder_count = s->folder_count };
    HTH_TRY(hth_store_home(&s->home, err));
    cfg.home = hth_buf_str(&s->home).p;
    cfg.embedded = hth_source_ember();
    cfg.embedded_name = HTH_EMBER;
    cfg.facts = hth_model_facts;
    return hth_store_open(&s->store, &cfg, err);
}

static HthStatus open_state(HthServe *s, HthErr *err) {
    HTH_TRY(hth_state_folder(&s->state, true, err));
    HTH_TRY(hth_state_file(&s->chats_path, "chats.db", true, err));
    s->life.state_folder = hth_buf_str(&s->state).p;
    HTH_TRY(hth_secret_process(err));
    HTH_TRY(hth_vault_open(&s->ring, true, false, err));
    void *key = NULL;
    HTH_TRY(hth_secret_alloc(&key, HTH_RING_KEY_BYTES, err));
    hth_keyring_key(s->ring, HTH_KEY_DATABASE, key);
    HthStatus status = hth_user_file_open_with(&s->users, key, err);
    const HthChatsCfg cfg = { .path = hth_buf_str(&s->chats_path).p, .key = key };
    if (status == HTH_OK && !s->no_chats) status = hth_chats_open(&s->chats, &cfg, err);
    hth_secret_free(key);
    return status;
}

static HthStatus open_house(HthServe *s, HthErr *err) {
    const HthAuthCfg auth = { .users = s->users, .owner_uid = geteuid() };
    size_t n = 0;
    HTH_TRY(hth_auth_open(&s->auth, &auth, err));
    const HthListen *listens = hth_life_listens(s->the_life, &n);
    HTH_TRY(hth_auth_check_listens(listens, n, hth_auth_key_count(s->auth), err));
    HTH_TRY(hth_serve_audit_open(s, err));
    HTH_TRY(hth_serve_desk_open(s, err));
    s->house.store = s->store;
    s->house.chats = s->chats;
    s->house.auth = s->auth;
    HTH_TRY(hth_house_open(&s->the_house, &s->house, err));
    if (s->log) HTH_TRY(hth_access_log_open(&s->access, s->log, err));
    if (!s->house.model) return HTH_OK;
    return hth_house_preload(s->the_house, hth_str(s->house.model), &s->missing, err);
}

static HthStatus open_http(HthServe *s, HthErr *err) {
    static const char *const uploads[] = { "/api/blobs/" };
    const HthHttpCfg cfg = { .hosts = s->names,
                             .host_count = s->name_count,
                             .origins = s->origins,
                             .origin_count = s->origin_count,
                             .connections_max = CONNECTIONS_MAX,
                             .connections_per_address_max = CONNECTIONS_MAX / 2,
                             .prep_threads = PREP_THREADS,
                             .uploads = uploads,
                             .upload_count = HTH_COUNT(uploads),
                             .handle = hth_house_handle,
                             .upload = hth_house_upload,
                             .refusal = hth_house_refusal,
                             .done = hth_house_done,
                             .payload = s->the_house };
    hth_house_log(s->the_house, s->access);
    HTH_TRY(hth_life_serve(s->the_life, &s->http, &cfg, err));
    hth_house_serve(s->the_house, s->http);
    return HTH_OK;
}

void hth_serve_close(HthServe *s) {
    hth_http_close(&s->http);
    hth_house_close(&s->the_house);
    hth_serve_audit_close(s);
    hth_signer_close(&s->desk.signer);
    hth_keyring_close(&s->ring);
    hth_access_log_close(&s->access);
    hth_auth_close(&s->auth);
    hth_users_close(&s->users);
    hth_chats_close(&s->chats);
    hth_store_close(&s->store);
    hth_life_close(&s->the_life);
    hth_buf_drop(&s->state);
    hth_buf_drop(&s->home);
    hth_buf_drop(&s->chats_path);
}

/* ---- telling where it is --------------------------------------------------------------------- */

/* The first TCP listener; 0: none. */
static uint16_t tcp_port(const HthServe *s, const HthListen **which) {
    size_t n = 0;
    const HthListen *listens = hth_life_listens(s->the_life, &n);
    for (size_t i = 0; i < n; i++) {
        uint16_t port = hth_http_port(s->http, i);
        if (port == 0) continue;
        *which = &listens[i];
        return port;
    }
    return 0;
}

static void tell_addresses(const HthServe *s) {
    size_t n = 0;
    const HthListen *listens = hth_life_listens(s->the_life, &n);
    if (hth_life_moved(s->the_life))
        fputs("hearth: port 11434 is taken (by Ollama, perhaps); listening on the next free one\n",
              stderr);
    for (size_t i = 0; i < n; i++) {
        uint16_t port = hth_http_port(s->http, i);
        if (listens[i].unix_path)
            fprintf(stderr, "hearth: listening on unix:%s\n", listens[i].unix_path);
        else if (port)
            fprintf(stderr, "hearth: listening on %s://%s:%u\n",
                    listens[i].cert_file ? "https" : "http",
                    listens[i].host ? listens[i].host : "127.0.0.1", port);
    }
}

static void tell_link(const HthServe *s) {
    char token[HTH_TOKEN_TEXT];
    const HthListen *at = NULL;
    uint16_t port = tcp_port(s, &at);
    HthWho owner;
    if (!s->open || port == 0) return;
    hth_auth_owner(s->auth, &owner);
    hth_auth_link(s->auth, &owner, token);
    printf("%s://127.0.0.1:%u/login?t=%s\n", at->cert_file ? "https" : "http", port, token);
    fflush(stdout);
    fputs("hearth: this link lets one browser in, once, within five minutes\n", stderr);
}

static HthStatus tell_port(const HthServe *s, HthErr *err) {
    char text[16];
    const HthListen *at = NULL;
    if (!s->port_file) return HTH_OK;
    int n = snprintf(text, sizeof text, "%u\n", tcp_port(s, &at));
    return hth_file_write(s->port_file, text, (size_t)n, 0644, err);
}

void hth_serve_tell(const HthServe *s) {
    tell_addresses(s);
    tell_link(s);
}

/* ---- all together ---------------------------------------------------------------------------- */

void hth_serve_init(HthServe *s) {
    s->life.port = -1;
    s->house.web = true;
    s->audit_content = HTH_CONTENT_COMMIT;
    s->house.keep_alive_s = HTH_KEEP_DEFAULT;
    hth_buf_init(&s->state, 4096);
    hth_buf_init(&s->home, 4096);
    hth_buf_init(&s->chats_path, 4096);
}

HthStatus hth_serve_open(HthServe *s, HthErr *err) {
    HTH_TRY(open_state(s, err));
    HTH_TRY(hth_life_open(&s->the_life, &s->life, err));
    HTH_TRY(open_store(s, err));
    HTH_TRY(open_house(s, err));
    HTH_TRY(hth_house_idle(s->the_house, err)); /* before others look at the house */
    HTH_TRY(open_http(s, err));
    return tell_port(s, err);
}

/* One part that fails does not keep the others from being done; each failure is told. */
HthStatus hth_serve_reload(HthServe *s, HthErr *err) {
    HthErr why[3] = { 0 };
    const HthStatus done[3] = { hth_http_reload(s->http, &why[0]),
                                hth_evidence_reloaded(s->evidence, &why[1]),
                                s->access ? hth_access_log_reopen(s->access, &why[2]) : HTH_OK };
    HthStatus st = HTH_OK;
    for (size_t i = 0; i < HTH_COUNT(done); i++) {
        if (done[i] == HTH_OK) continue;
        if (st != HTH_OK) hth_log(HTH_LOG_ERROR, "serve: reloading failed: %s", err->text);
        st = done[i];
        *err = why[i];
    }
    return st;
}
