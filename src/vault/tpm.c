/* tpm.c - see tpm.h: one conversation with a TPM for each call.
 *
 * The policy of what is sealed is PolicyPCR, where there are registers, then PolicyAuthValue, with
 * an empty value where there is no PIN.  So there is one way in, and it is a session whose key only
 * the TPM could read.
 *
 * The parent's name is kept beside what it sealed: whoever sits on the bus and offers a key of his
 * own is not spoken to, and another TPM is told from damage.
 *
 * Thread: any; no state. */
#include "vault/tpm.h"

#ifdef HTH_HAVE_TPM
#include <dlfcn.h>
#include <string.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_tctildr.h>

#include "base/file_fault.h"
#include "crypt/secret.h"

/* ---- the library ----------------------------------------------------------------------------- */

/* clang-format off */
#define LIBRARIES(X)       \
    X(tcti, "libtss2-tctildr.so.0") \
    X(esys, "libtss2-esys.so.0")    \
    X(mu,   "libtss2-mu.so.0")
#define FUNCTIONS(X)                        \
    X(tcti, Tss2_TctiLdr_Initialize)        \
    X(tcti, Tss2_TctiLdr_Finalize)          \
    X(esys, Esys_Initialize)                \
    X(esys, Esys_Finalize)                  \
    X(esys, Esys_Free)                      \
    X(esys, Esys_CreatePrimary)             \
    X(esys, Esys_TR_GetName)                \
    X(esys, Esys_TR_SetAuth)                \
    X(esys, Esys_StartAuthSession)          \
    X(esys, Esys_TRSess_SetAttributes)      \
    X(esys, Esys_PCR_Read)                  \
    X(esys, Esys_PolicyPCR)                 \
    X(esys, Esys_PolicyAuthValue)           \
    X(esys, Esys_PolicyGetDigest)           \
    X(esys, Esys_Create)                    \
    X(esys, Esys_Load)                      \
    X(esys, Esys_Unseal)                    \
    X(esys, Esys_FlushContext)              \
    X(mu,   Tss2_MU_TPM2B_PUBLIC_Marshal)   \
    X(mu,   Tss2_MU_TPM2B_PUBLIC_Unmarshal)
/* clang-format on */

typedef struct Lib {
#define DECLARE(library, function) __typeof__(function) *function;
    FUNCTIONS(DECLARE)
#undef DECLARE
} Lib;

typedef struct Tpm {
    Lib f;
    TSS2_TCTI_CONTEXT *tcti;
    ESYS_CONTEXT *esys;
    ESYS_TR parent, session, object; /* ESYS_TR_NONE: not there */
    const char *where;
} Tpm;

/* Never unloaded: libraries that were used leave things behind. */
static HthStatus load(Lib *f, HthErr *err) {
    struct {
#define DECLARE(library, file) void *library;
        LIBRARIES(DECLARE)
#undef DECLARE
    } so;
#define OPEN(library, file)                                                                        \
    so.library = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);                              \
    HTH_REQUIRE(so.library, err, HTH_ENOTSUP,                                                      \
                "a TPM needs the libraries of tpm2-tss, and " file " is not there");
    LIBRARIES(OPEN)
#undef OPEN
#define FIND(library, function)                                                                    \
    *(void **)(void *)&f->function = dlsym(so.library, #function);                                 \
    HTH_REQUIRE(f->function, err, HTH_ENOTSUP, "the tpm2-tss of this system has no " #function);
    FUNCTIONS(FIND)
#undef FIND
    return HTH_OK;
}

/* ---- what it answers ------------------------------------------------------------------------- */

/* A TPM's own answer without the number of what it is about; whatever else says so above. */
static TSS2_RC kind_of(TSS2_RC rc) {
    const TSS2_RC layer = rc & TSS2_RC_LAYER_MASK;
    if (layer != TSS2_TPM_RC_LAYER && layer != TSS2_RESMGR_TPM_RC_LAYER) return rc;
    rc &= 0xfff;
    return rc & TPM2_RC_FMT1 ? rc & (TPM2_RC_FMT1 | 0x3f) : rc;
}

/* clang-format off */
static const struct {
    TSS2_RC rc;
    HthStatus status;
    const char *says;
} answers[] = {
    { TPM2_RC_AUTH_FAIL, HTH_EDENIED,
      "the PIN is wrong; after a few such the TPM takes none for a while" },
    { TPM2_RC_BAD_AUTH, HTH_EDENIED, "its owner has a password, and this is not known here" },
    { TPM2_RC_LOCKOUT, HTH_EDENIED,
      "too many wrong PINs: it takes none for a while (tpm2_dictionarylockout -c ends that)" },
    { TPM2_RC_POLICY_FAIL, HTH_EDENIED,
      "its registers are not what they were: this machine was started in another way" },
    { TPM2_RC_PCR_CHANGED, HTH_EDENIED, "its registers have just changed; try again" },
    { TPM2_RC_INTEGRITY, HTH_EFORMAT, "what it sealed was changed since" },
    { TPM2_RC_HIERARCHY, HTH_EDENIED, "its owner's hierarchy is switched off" },
    { TSS2_ESYS_RC_MEMORY, HTH_ENOMEM, "out of memory" },
};
/* clang-format on */

static HthStatus failed(TSS2_RC rc, const char *doing, HthErr *err) {
    for (size_t i = 0; i < HTH_COUNT(answers); i++)
        if (answers[i].rc == kind_of(rc))
            return HTH_FAIL(err, answers[i].status, "the TPM: %s", answers[i].says);
    return HTH_FAIL(err, HTH_EIO, "the TPM does not %s: 0x%x", doing, (unsigned)rc);
}

/* One step of a conversation. */
#define STEP(doing, call)                                                                          \
    do {                                                                                           \
        const TSS2_RC rc_ = hth_file_fault() ? TSS2_TCTI_RC_IO_ERROR : t->f.call;                  \
        if (rc_ != TSS2_RC_SUCCESS) return failed(rc_, doing, err);                                \
    } while (0)

/* ---- beginning and end ----------------------------------------------------------------------- */

static const TPM2B_DATA no_data;
static const TPML_PCR_SELECTION no_pcrs;

/* The storage key that everybody uses: from the same seed always the same key. */
static HthStatus make_parent(Tpm *t, HthErr *err) {
    static const TPM2B_SENSITIVE_CREATE nothing;
    static const TPM2B_PUBLIC template = {
        .publicArea = {
            .type = TPM2_ALG_ECC,
            .nameAlg = TPM2_ALG_SHA256,
            .objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                                TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
                                TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT,
            .parameters.eccDetail = {
                .symmetric = { .algorithm = TPM2_ALG_AES, .keyBits.aes = 128,
                               .mode.aes = TPM2_ALG_CFB },
                .scheme.scheme = TPM2_ALG_NULL,
                .curveID = TPM2_ECC_NIST_P256,
                .kdf.scheme = TPM2_ALG_NULL,
            },
        },
    };
    STEP("make its storage key",
         Esys_CreatePrimary(t->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                            &nothing, &template, &no_data, &no_pcrs, &t->parent, NULL, NULL, NULL,
                            NULL));
    return HTH_OK;
}

static HthStatus parent_name(Tpm *t, uint8_t out[HTH_TPM_PARENT_BYTES], HthErr *err) {
    TPM2B_NAME *name = NULL;
    STEP("name its key", Esys_TR_GetName(t->esys, t->parent, &name));
    const bool ok = name->size == HTH_TPM_PARENT_BYTES;
    if (ok) memcpy(out, name->name, HTH_TPM_PARENT_BYTES);
    t->f.Esys_Free(name);
    HTH_REQUIRE(ok, err, HTH_EIO, "the TPM's key has a name that is none");
    return HTH_OK;
}

static HthStatus reach(Tpm *t, HthErr *err) {
    const TSS2_RC rc =
        hth_file_fault() ? TSS2_TCTI_RC_IO_ERROR : t->f.Tss2_TctiLdr_Initialize(t->where, &t->tcti);
    HTH_REQUIRE(rc == TSS2_RC_SUCCESS, err, HTH_EIO,
                "no TPM is reached by %.100s: it is not there, or this user may not use it (group "
                "tss)",
                t->where);
    STEP("begin", Esys_Initialize(&t->esys, t->tcti, NULL));
    return make_parent(t, err);
}

/* Its few places for keys and sessions are free again afterwards, whatever went wrong. */
static void leave(Tpm *t) {
    ESYS_TR *all[] = { &t->session, &t->object, &t->parent };
    for (size_t i = 0; i < HTH_COUNT(all); i++)
        if (*all[i] != ESYS_TR_NONE) (void)t->f.Esys_FlushContext(t->esys, *all[i]);
    if (t->esys) t->f.Esys_Finalize(&t->esys);
    if (t->tcti) t->f.Tss2_TctiLdr_Finalize(&t->tcti);
}

/* Salted: its key is encrypted for the parent, and what is marked is encrypted with that. */
static HthStatus begin_session(Tpm *t, TPM2_SE type, TPMA_SESSION marks, HthErr *err) {
    static const TPMT_SYM_DEF aes = { .algorithm = TPM2_ALG_AES,
                                      .keyBits.aes = 128,
                                      .mode.aes = TPM2_ALG_CFB };
    STEP("begin a session",
         Esys_StartAuthSession(t->esys, t->parent, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                               ESYS_TR_NONE, NULL, type, &aes, TPM2_ALG_SHA256, &t->session));
    STEP("begin a session", Esys_TRSess_SetAttributes(t->esys, t->session,
                                                      marks | TPMA_SESSION_CONTINUESESSION, 0xff));
    return HTH_OK;
}

static HthStatus end_session(Tpm *t, HthErr *err) {
    STEP("end a session", Esys_FlushContext(t->esys, t->session));
    t->session = ESYS_TR_NONE;
    return HTH_OK;
}

/* ---- the policy ------------------------------------------------------------------------------ */

static TPML_PCR_SELECTION selection(uint32_t pcrs) {
    return (TPML_PCR_SELECTION){
        .count = 1,
        .pcrSelections[0] = { .hash = TPM2_ALG_SHA256,
                              .sizeofSelect = HTH_TPM_PCRS / 8,
                              .pcrSelect = { pcrs & 0xff, pcrs >> 8 & 0xff, pcrs >> 16 & 0xff } },
    };
}

/* A register that the TPM does not keep would be passed over by PolicyPCR. */
static HthStatus has_pcrs(Tpm *t, uint32_t pcrs, HthErr *err) {
    for (unsigned i = 0; i < HTH_TPM_PCRS; i++) {
        if (!(pcrs >> i & 1)) continue;
        const TPML_PCR_SELECTION one = selection(1u << i);
        TPML_DIGEST *values = NULL;
        STEP("read a register", Esys_PCR_Read(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                              &one, NULL, NULL, &values));
        const bool there = values->count == 1 && values->digests[0].size == 32;
        t->f.Esys_Free(values);
        HTH_REQUIRE(there, err, HTH_ENOTSUP, "the TPM keeps no register %u with SHA-256", i);
    }
    return HTH_OK;
}

static HthStatus follow(Tpm *t, uint32_t pcrs, HthErr *err) {
    static const TPM2B_DIGEST as_they_are;
    const TPML_PCR_SELECTION some = selection(pcrs);
    if (pcrs)
        STEP("bind to registers", Esys_PolicyPCR(t->esys, t->session, ESYS_TR_NONE, ESYS_TR_NONE,
                                                 ESYS_TR_NONE, &as_they_are, &some));
    STEP("bind to a PIN",
         Esys_PolicyAuthValue(t->esys, t->session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE));
    return HTH_OK;
}

static HthStatus policy_of(Tpm *t, TPM2B_DIGEST *out, uint32_t pcrs, HthErr *err) {
    TPM2B_DIGEST *digest = NULL;
    HTH_TRY(has_pcrs(t, pcrs, err));
    HTH_TRY(begin_session(t, TPM2_SE_TRIAL, 0, err));
    HTH_TRY(follow(t, pcrs, err));
    STEP("say its policy", Esys_PolicyGetDigest(t->esys, t->session, ESYS_TR_NONE, ESYS_TR_NONE,
                                                ESYS_TR_NONE, &digest));
    *out = *digest;
    t->f.Esys_Free(digest);
    return end_session(t, err);
}

/* ---- sealing --------------------------------------------------------------------------------- */

static HthStatus keep(Tpm *t, HthTpmSealed *out, const TPM2B_PUBLIC *public,
                      const TPM2B_PRIVATE *private, HthErr *err) {
    size_t n = 0;
    STEP("write what it sealed",
         Tss2_MU_TPM2B_PUBLIC_Marshal(public, out->object, sizeof out->object, &n));
    HTH_REQUIRE(private->size <= sizeof out->object - n, err, HTH_ENOTSUP,
                "what this TPM seals is longer than a slot of the keyring");
    out->public_n = (uint16_t)n;
    out->private_n = private->size;
    memcpy(out->object + n, private->buffer, private->size);
    return HTH_OK;
}

static HthStatus create(Tpm *t, HthTpmSealed *out, TPM2B_SENSITIVE_CREATE *in, bool pin,
                        const TPM2B_DIGEST *policy, HthErr *err) {
    TPM2B_PUBLIC *public = NULL;
    TPM2B_PRIVATE *private = NULL;
    const TPM2B_PUBLIC what = {
        .publicArea = {
            .type = TPM2_ALG_KEYEDHASH,
            .nameAlg = TPM2_ALG_SHA256,
            /* Without a PIN nobody guesses, and others' wrong guesses are not to lock it. */
            .objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                                (pin ? 0 : TPMA_OBJECT_NODA),
            .authPolicy = *policy,
            .parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL,
        },
    };
    STEP("seal", Esys_Create(t->esys, t->parent, t->session, ESYS_TR_NONE, ESYS_TR_NONE, in, &what,
                             &no_data, &no_pcrs, &private, &public, NULL, NULL, NULL));
    const HthStatus status = keep(t, out, public, private, err);
    t->f.Esys_Free(public);
    t->f.Esys_Free(private);
    return status;
}

static HthStatus seal(Tpm *t, HthTpmSealed *out, const uint8_t *secret, const HthTpmCfg *cfg,
                      HthErr *err) {
    TPM2B_DIGEST policy;
    HTH_TRY(reach(t, err));
    HTH_TRY(parent_name(t, out->parent, err));
    HTH_TRY(policy_of(t, &policy, cfg->pcrs, err));
    HTH_TRY(begin_session(t, TPM2_SE_HMAC, TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT, err));
    TPM2B_SENSITIVE_CREATE in = { .sensitive.data.size = HTH_TPM_SECRET_BYTES };
    memcpy(in.sensitive.data.buffer, secret, HTH_TPM_SECRET_BYTES);
    if (cfg->auth) {
        in.sensitive.userAuth.size = HTH_TPM_AUTH_BYTES;
        memcpy(in.sensitive.userAuth.buffer, cfg->auth, HTH_TPM_AUTH_BYTES);
    }
    const HthStatus status = create(t, out, &in, cfg->auth != NULL, &policy, err);
    hth_secret_wipe(&in, sizeof in);
    return status;
}

/* ---- unsealing ------------------------------------------------------------------------------- */

static HthStatus load_object(Tpm *t, const HthTpmSealed *in, HthErr *err) {
    TPM2B_PUBLIC public = { 0 };
    TPM2B_PRIVATE private = { .size = in->private_n };
    size_t n = 0;
    HTH_REQUIRE(in->public_n + (size_t)in->private_n <= sizeof in->object &&
                    in->private_n <= sizeof private.buffer &&
                    t->f.Tss2_MU_TPM2B_PUBLIC_Unmarshal(in->object, in->public_n, &n, &public) ==
                        TSS2_RC_SUCCESS &&
                    n == in->public_n,
                err, HTH_EFORMAT, "what the TPM sealed is damaged");
    memcpy(private.buffer, in->object + n, in->private_n);
    STEP("load what it sealed", Esys_Load(t->esys, t->parent, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                          ESYS_TR_NONE, &private, &public, &t->object));
    return HTH_OK;
}

static HthStatus give_pin(Tpm *t, const uint8_t *auth, HthErr *err) {
    TPM2B_AUTH value = { .size = HTH_TPM_AUTH_BYTES };
    memcpy(value.buffer, auth, HTH_TPM_AUTH_BYTES);
    const TSS2_RC rc = t->f.Esys_TR_SetAuth(t->esys, t->object, &value);
    hth_secret_wipe(&value, sizeof value);
    return rc == TSS2_RC_SUCCESS ? HTH_OK : failed(rc, "take a PIN", err);
}

static HthStatus unseal(Tpm *t, uint8_t *secret, const HthTpmSealed *in, const HthTpmCfg *cfg,
                        HthErr *err) {
    uint8_t name[HTH_TPM_PARENT_BYTES];
    TPM2B_SENSITIVE_DATA *data = NULL;
    HTH_TRY(reach(t, err));
    HTH_TRY(parent_name(t, name, err));
    HTH_REQUIRE(memcmp(name, in->parent, sizeof name) == 0, err, HTH_EFORMAT,
                "another TPM made this slot, or this one was cleared since");
    HTH_TRY(load_object(t, in, err));
    if (cfg->auth) HTH_TRY(give_pin(t, cfg->auth, err));
    HTH_TRY(begin_session(t, TPM2_SE_POLICY, TPMA_SESSION_ENCRYPT, err));
    HTH_TRY(follow(t, cfg->pcrs, err));
    STEP("unseal", Esys_Unseal(t->esys, t->object, t->session, ESYS_TR_NONE, ESYS_TR_NONE, &data));
    const bool ok = data->size == HTH_TPM_SECRET_BYTES;
    if (ok) memcpy(secret, data->buffer, HTH_TPM_SECRET_BYTES);
    hth_secret_wipe(data, sizeof *data);
    t->f.Esys_Free(data);
    HTH_REQUIRE(ok, err, HTH_EFORMAT, "what the TPM sealed is not a key of the keyring");
    return HTH_OK;
}

static Tpm begin(const char *where) {
    return (Tpm){
        .parent = ESYS_TR_NONE, .session = ESYS_TR_NONE, .object = ESYS_TR_NONE, .where = where
    };
}

HthStatus hth_tpm_seal(HthTpmSealed *out, const uint8_t secret[HTH_TPM_SECRET_BYTES],
                       const HthTpmCfg *cfg, HthErr *err) {
    HthTpmSealed made = { 0 };
    Tpm t = begin(cfg->tcti);
    HTH_TRY(load(&t.f, err));
    const HthStatus status = seal(&t, &made, secret, cfg, err);
    leave(&t);
    if (status == HTH_OK) *out = made;
    return status;
}

HthStatus hth_tpm_unseal(uint8_t secret[HTH_TPM_SECRET_BYTES], const HthTpmSealed *in,
                         const HthTpmCfg *cfg, HthErr *err) {
    Tpm t = begin(cfg->tcti);
    HTH_TRY(load(&t.f, err));
    const HthStatus status = unseal(&t, secret, in, cfg, err);
    leave(&t);
    return status;
}

#else

static HthStatus none(HthErr *err) {
    return HTH_FAIL(err, HTH_ENOTSUP, "this hearth was built without tpm2-tss: it reaches no TPM");
}

HthStatus hth_tpm_seal(HthTpmSealed *out, const uint8_t secret[HTH_TPM_SECRET_BYTES],
                       const HthTpmCfg *cfg, HthErr *err) {
    (void)out, (void)secret, (void)cfg;
    return none(err);
}

HthStatus hth_tpm_unseal(uint8_t secret[HTH_TPM_SECRET_BYTES], const HthTpmSealed *in,
                         const HthTpmCfg *cfg, HthErr *err) {
    (void)secret, (void)in, (void)cfg;
    return none(err);
}
#endif
