/* serve_parts.c - the engine's process: everything but sockets.
 *
 * Secrets are read before the cage closes (a key file, a terminal, a credential may be anywhere),
 * and everything of strangers after it.
 *
 * Thread: the main thread. */
#include "cli/serve_parts.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/caged.h"
#include "cli/proof.h"
#include "cli/source.h"
#include "cli/state.h"
#include "cli/user.h"
#include "cli/vault.h"
#include "crypt/secret.h"
#include "serve/model_facts.h"

enum { PREP_THREADS = 4, TICK_MS = 1000 };

/* ---- before the cage ------------------------------------------------------------------------- */

/* A passphrase may be typed: until then Ctrl-C is what it always is. */
static HthStatus open_secrets(HthServe *s, HthErr *err) {
    sigset_t typed;
    sigemptyset(&typed);
    sigaddset(&typed, SIGINT);
    sigaddset(&typed, SIGTERM);
    HTH_TRY(hth_secret_process(err));
    sigprocmask(SIG_UNBLOCK, &typed, NULL);
    const HthStatus st = hth_vault_open(&s->ring, true, false, err);
    sigprocmask(SIG_BLOCK, &typed, NULL);
    return st;
}

static int close_cage(HthServe *s) {
    HthCaged c = { .off = s->no_cage,
                   .lost = "a fault in reading a model, or what a client sends, could reach the "
                           "network, other files and other programs" };
    c.trees[0] = hth_buf_str(&s->state).p;
    c.trees[1] = hth_buf_str(&s->home).p;
    for (size_t i = 0; i < s->folder_count; i++) c.reads[i] = s->folders[i];
    c.reads[s->folder_count] = "/etc/passwd"; /* names of users */
    c.reads[s->folder_count + 1] = "/etc/nsswitch.conf";
    c.reads[s->folder_count + 2] = "/proc/self/exe"; /* its digest is logged */
    if (s->log && strcmp(s->log, "-") != 0) c.writes[0] = s->log;
    hth_lora_cage(&s->loras, &c);
    hth_caged_tree(c.trees[1]);
    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* to make a namespace; the cage forbids it again */
    return hth_caged(&c);
}

static void name_cage(HthServe *s) {
    const HthCageState *c = hth_caged_state();
    snprintf(s->cage, sizeof s->cage, "%s%s%s", c ? "seccomp" : "none",
             c && c->namespace ? ", namespace" : "", c && c->files ? ", landlock" : "");
    s->house.cage = s->cage;
}

/* ---- the parts ------------------------------------------------------------------------------- */

static HthStatus open_store(HthServe *s, HthErr *err) {
    HthStoreCfg cfg = { .folders = s->folders, .folder_count = s->folder_count };
    cfg.home = hth_buf_str(&s->home).p;
    cfg.embedded = hth_source_ember();
    cfg.embedded_name = HTH_EMBER;
    cfg.facts = hth_model_facts;
    return hth_store_open(&s->store, &cfg, err);
}

static HthStatus open_state(HthServe *s, HthErr *err) {
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
    HTH_TRY(hth_auth_open(&s->auth, &auth, err));
    if (s->keyless.status != HTH_OK && hth_auth_key_count(s->auth) == 0) {
        *err = s->keyless;
        return err->status;
    }
    HTH_TRY(hth_serve_audit_open(s, err));
    HTH_TRY(hth_serve_desk_open(s, err));
    s->house.store = s->store;
    s->house.chats = s->chats;
    s->house.auth = s->auth;
    for (uint32_t i = 0; i < s->loras.count; i++)
        s->adapters[i] = (HthModelAdapter){ s->loras.path[i], s->loras.use[i].scale };
    s->house.adapters = s->adapters;
    s->house.adapter_count = s->loras.count;
    HTH_TRY(hth_house_open(&s->the_house, &s->house, err));
    if (s->log) HTH_TRY(hth_access_log_open(&s->access, s->log, err));
    if (!s->house.model && s->loras.count == 0) return HTH_OK;
    const HthStr name = s->house.model ? hth_str(s->house.model) : HTH_STR("");
    return hth_house_preload(s->the_house, name, &s->missing, err);
}

static void broken(void *payload, const char *sentence) {
    (void)payload;
    fprintf(stderr, "hearth: the engine ends: %s\n", sentence);
    _exit(HTH_EXIT_INTERNAL);
}

static HthHttpStats stats(void *far) {
    return hth_far_stats(far);
}

static HthStatus open_far(HthServe *s, HthErr *err) {
    const HthFarCfg cfg = { .map = &s->map,
                            .prep_threads = PREP_THREADS,
                            .handle = hth_house_handle,
                            .upload = hth_house_upload,
                            .refusal = hth_house_refusal,
                            .done = hth_house_done,
                            .broken = broken,
                            .payload = s->the_house };
    hth_house_log(s->the_house, s->access);
    HTH_TRY(hth_house_idle(s->the_house, err)); /* before others look at the house */
    HTH_TRY(hth_far_open(&s->far, &cfg, err));
    hth_house_serve(s->the_house, stats, s->far);
    return HTH_OK;
}

static HthStatus open_all(HthServe *s, HthErr *err) {
    HTH_TRY(open_state(s, err));
    HTH_TRY(open_store(s, err));
    HTH_TRY(open_house(s, err));
    return open_far(s, err);
}

static void close_all(HthServe *s) {
    hth_far_close(&s->far);
    hth_house_close(&s->the_house);
    hth_serve_audit_close(s);
    hth_signer_close(&s->desk.signer);
    hth_keyring_close(&s->ring);
    hth_access_log_close(&s->access);
    hth_auth_close(&s->auth);
    hth_users_close(&s->users);
    hth_chats_close(&s->chats);
    hth_store_close(&s->store);
}

/* ---- the process ----------------------------------------------------------------------------- */

/* One part that fails does not keep the other from being done; each failure is told. */
static bool reload(HthServe *s) {
    HthErr why[2] = { 0 };
    const HthStatus done[2] = { hth_evidence_reloaded(s->evidence, &why[0]),
                                s->access ? hth_access_log_reopen(s->access, &why[1]) : HTH_OK };
    for (size_t i = 0; i < HTH_COUNT(done); i++)
        if (done[i] != HTH_OK) hth_log(HTH_LOG_ERROR, "serve: reloading failed: %s", why[i].text);
    return done[0] == HTH_OK && done[1] == HTH_OK;
}

static bool tell_ready(HthServe *s, int say) {
    HthServeReady ready = { 0 };
    HthWho owner;
    if (s->open) {
        hth_auth_owner(s->auth, &owner);
        hth_auth_link(s->auth, &owner, ready.token);
    }
    const bool told = hth_serve_say(say, &ready, sizeof ready);
    hth_secret_wipe(&ready, sizeof ready);
    return told;
}

static void serve(HthServe *s, int say, int orders) {
    for (int order; (order = hth_serve_order(orders, TICK_MS)) != HTH_SERVE_QUIT;) {
        if (order == HTH_SERVE_RELOAD) (void)hth_serve_say(say, reload(s) ? "r" : "f", 1);
        hth_serve_audit_tick(s);
    }
}

int hth_serve_engine(HthServe *s, int say, int orders) {
    const int keep[] = { say, orders, s->map.bells[0], s->map.bells[1] };
    HthErr err = { 0 };
    int code = HTH_EXIT_OK;
    hth_serve_child(keep, HTH_COUNT(keep));
    HthStatus st = HTH_OK;
    if (!hth_caged_off(s->no_cage)) st = hth_proof_digest(s->desk.cage, &err);
    if (st == HTH_OK) st = open_secrets(s, &err);
    if (st == HTH_OK) code = close_cage(s);
    name_cage(s);
    hth_serve_parent();
    if (st == HTH_OK && code == HTH_EXIT_OK) st = hth_secret_process(&err);
    if (st == HTH_OK && code == HTH_EXIT_OK) st = open_all(s, &err);
    if (st != HTH_OK) {
        code = hth_cli_fail(&err);
        if (s->missing) code = HTH_EXIT_NOINPUT;
    }
    if (code == HTH_EXIT_OK && tell_ready(s, say)) serve(s, say, orders);
    close_all(s);
    return code;
}
