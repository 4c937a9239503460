/* receipt.c - see receipt.h. */
#include "cli/receipt.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/keyfile.h"
#include "base/mem.h"
#include "cli/caged.h"
#include "cli/proof.h"
#include "cli/signer.h"
#include "cli/state.h"
#include "cli/term.h"
#include "kern/kern.h"
#include "model/model.h"
#include "run/plan.h"
#include "serve/receipts.h"
#include "text/prompt.h"

struct HthCliReceipt {
    const char *path;
    HthSigner *signer;
    HthVkey vkey;
    HthDigests engine;
    char cage[HTH_HASH_HEX + 1]; /* digest of the cage's self-test; "": there is no cage */
};

enum { PATH_BYTES = 8192 };

/* ---- the key -------------------------------------------------------------------------------- */

/* The public half beside the private one, unless there is a list already: it may name others. */
static HthStatus write_vkey(const HthVkey *v, HthErr *err) {
    HthBuf path, text;
    hth_buf_init(&path, PATH_BYTES);
    hth_buf_init(&text, PATH_BYTES);
    HthStatus st = hth_state_file(&path, HTH_RECEIPT_VKEY, true, err);
    if (st == HTH_OK && access(path.p, F_OK) != 0) {
        st = hth_vkey_print(&text, v, err);
        if (st == HTH_OK) st = hth_buf_add_char(&text, '\n', err);
        if (st == HTH_OK) st = hth_file_write(path.p, text.p, text.n, 0644, err);
    }
    hth_buf_drop(&path);
    hth_buf_drop(&text);
    return st;
}

HthStatus hth_cli_receipt_key(HthSigner **signer, HthVkey *vkey, const struct HthKeyring *ring,
                              HthErr *err) {
    HthBuf path;
    const HthStr name = HTH_STR("hearth-receipts");
    hth_buf_init(&path, PATH_BYTES);
    HthStatus st = hth_state_file(&path, HTH_RECEIPT_KEY, true, err);
    if (st == HTH_OK)
        st = ring ? hth_cli_signer_of(signer, vkey, path.p, name, ring, err)
                  : hth_cli_signer(signer, vkey, path.p, name, err);
    hth_buf_drop(&path);
    return st == HTH_OK ? write_vkey(vkey, err) : st;
}

/* An answer whose receipt cannot be written is better not begun. */
static HthStatus check_folder(const char *path, HthErr *err) {
    char folder[PATH_BYTES];
    struct stat st;
    const char *slash = strrchr(path, '/');
    const size_t n = slash ? (size_t)(slash - path) + 1 : 1;
    HTH_REQUIRE(path[0] && strcmp(path, "-") != 0 && n < sizeof folder, err, HTH_EINVAL,
                "the receipt goes into a file: name one");
    HTH_REQUIRE(stat(path, &st) != 0 || !S_ISDIR(st.st_mode), err, HTH_EINVAL,
                "the receipt goes into a file, and this is a folder");
    memcpy(folder, slash ? path : ".", n);
    folder[n] = '\0';
    HTH_REQUIRE(access(folder, W_OK) == 0, err, HTH_EIO,
                "the receipt cannot be written in its folder: %s", strerror(errno));
    return HTH_OK;
}

HthStatus hth_cli_receipt_open(HthCliReceipt **out, const char *path, bool caged, HthErr *err) {
    HthCliReceipt *r = hth_calloc(1, sizeof *r);
    HTH_REQUIRE(r, err, HTH_ENOMEM, "out of memory for a receipt");
    r->path = path;
    HthStatus st = check_folder(path, err);
    if (st == HTH_OK) st = hth_digests_program(&r->engine, err);
    if (st == HTH_OK && caged) st = hth_proof_digest(r->cage, err);
    if (st == HTH_OK) st = hth_cli_receipt_key(&r->signer, &r->vkey, NULL, err);
    if (st == HTH_OK)
        *out = r;
    else
        hth_cli_receipt_close(&r);
    return st;
}

void hth_cli_receipt_close(HthCliReceipt **r) {
    if (!*r) return;
    hth_signer_close(&(*r)->signer);
    hth_free(*r);
    *r = NULL;
}

/* ---- the facts ------------------------------------------------------------------------------ */

static bool on_bytes(void *payload, uint64_t done, uint64_t total) {
    (void)payload;
    hth_progress("digest of the model", (size_t)done, (size_t)total);
    return !hth_interrupted();
}

HthStatus hth_cli_receipt_kv(const HthChat *c, const char **out, HthErr *err) {
    HthRunPlan plan;
    const HthSessionCfg cfg = {
        .ctx = c->cfg.ctx, .threads = c->cfg.threads, .kv = c->cfg.kv, .no_pack = c->cfg.no_pack
    };
    HTH_TRY(hth_run_plan(&plan, c->model, &cfg, err));
    *out = hth_kv_name(plan.kv);
    return HTH_OK;
}

HthStr hth_cli_receipt_template(const HthChat *c) {
    HthStr source = { 0 };
    if (!c->tmpl || hth_gguf_str(hth_model_gguf(c->model), HTH_TEMPLATE_KEY, &source, NULL))
        return (HthStr){ 0 };
    return source;
}

/* Those that do something: with scale 0 one is not there. */
static HthStatus adapter_facts(HthReceiptFacts *f, const HthLoras *l, HthErr *err) {
    HthReceiptAdapters *a = &f->adapters;
    for (uint32_t i = 0; l && i < l->count; i++) {
        if (l->use[i].scale == 0.0f) continue;
        const HthGguf *g = hth_adapter_gguf(l->adapter[i]);
        HTH_TRY(hth_receipt_file(&a->one[a->count].digest, g, NULL, NULL, err));
        a->one[a->count++].scale = l->use[i].scale;
    }
    return HTH_OK;
}

static HthStatus model_facts(HthReceiptFacts *f, const HthChat *c, HthErr *err) {
    const char *kv;
    HthStatus st = hth_receipt_model(f, hth_model_gguf(c->model), hth_cli_receipt_template(c),
                                     on_bytes, NULL, err);
    hth_progress_end();
    if (st == HTH_OK) st = adapter_facts(f, c->cfg.loras, err);
    if (st == HTH_OK) st = hth_cli_receipt_kv(c, &kv, err);
    if (st != HTH_OK) return st;
    f->kv = hth_str(kv);
    f->ctx = hth_session_ctx(c->session);
    f->version = hth_str(hth_version());
    f->numerics = hth_str(hth_numerics());
    f->isa = hth_str(hth_kern_pick()->name);
    return HTH_OK;
}

static HthStatus make(HthBuf *out, const HthCliReceipt *r, const HthChat *c, const HthAnswer *a,
                      const json_t *sampler, HthErr *err) {
    char id[HTH_KEY_ID_TEXT];
    HthReceiptIn in = { .prompt = hth_session_ids(c->session),
                        .prompt_count = a->prompt_count,
                        .ids = a->ids.p,
                        .id_count = a->ids.n,
                        .text = hth_buf_str(&a->text),
                        .stops = c->stops,
                        .stop_count = c->stop_count };
    HthReceiptFacts *f = &in.facts;
    HTH_TRY(model_facts(f, c, err));
    f->engine = r->engine;
    if (hth_caged_state()) f->cage = hth_str(r->cage);
    f->finish = a->by_text ? HTH_STR("stop_text") : hth_str(a->reason);
    f->sampler = sampler;
    f->seed = a->seed;
    f->id_max = c->num_predict;
    f->unix_s = c->unix_s;
    hth_vkey_id(id, &r->vkey);
    const HthDsseSigner signer = { r->signer, hth_str(id) };
    return hth_receipt_make(out, &in, &signer, err);
}

HthStatus hth_cli_receipt_write(HthCliReceipt *r, const HthChat *c, const HthAnswer *a,
                                HthErr *err) {
    HthBuf text;
    json_t *sampler = NULL;
    HTH_TRY(hth_receipt_sampler(&sampler, &c->params, err));
    hth_buf_init(&text, HTH_RECEIPT_MAX);
    HthStatus st = make(&text, r, c, a, sampler, err);
    if (st == HTH_OK) st = hth_file_write(r->path, text.p, text.n, 0600, err);
    hth_buf_drop(&text);
    json_decref(sampler);
    return st;
}
