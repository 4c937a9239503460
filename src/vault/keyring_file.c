/* keyring_file.c - see keyring_int.h: the bytes of `keyring`, of whose head nothing is believed
 * before it is checked.
 *
 * A SHA-256 at the end tells damage from a wrong passphrase; an HMAC with a key from the root tells
 * that nobody without it added or took away a slot.
 *
 * Thread: any. */
#include <string.h>

#include "crypt/secret.h"
#include "vault/bytes.h"
#include "vault/keyring_int.h"

enum {
    VERSION_MAX = 2, /* 2: with slots of a TPM, 1: without */
    HEAD = 48,
    SLOT = 160,
    TPM = 512, /* more, for a slot of a TPM */
    TPM_OBJECT_AT = 4 + HTH_TPM_PARENT_BYTES,
    PIN = 1, /* of a TPM's flags */
    TAIL = 2 * HTH_HASH_BYTES, /* MAC, sum */
    BOUND = HTH_SLOT_BOUND - HTH_RING_ID,
    SEALED_AT = BOUND + HTH_RING_NONCE,
    PASSES_MAX = 64,
    MEMORY_MIN_KIB = 8,
    MEMORY_MAX_KIB = 1 << 20
};
_Static_assert(TPM == TPM_OBJECT_AT + HTH_TPM_OBJECT_MAX, "a slot of a TPM");
#define SEALED_ONLY (UINT64_C(1) << 63) /* beside the generation */
static const char magic[16] = "hearth keyring";

static size_t slot_bytes(HthSlotKind kind) {
    return kind == HTH_SLOT_TPM ? SLOT + TPM : SLOT;
}

static size_t body_bytes(const HthRing *r) {
    size_t n = HEAD;
    for (uint32_t i = 0; i < r->count; i++) n += slot_bytes(r->slots[i].face.kind);
    return n;
}

static void slot_front(uint8_t p[BOUND], const HthRingSlot *s) {
    hth_put_le32(p, (uint32_t)s->face.kind);
    hth_put_le32(p + 4, s->face.number);
    hth_put_le64(p + 8, (uint64_t)s->face.created_s);
    const bool tpm = s->face.kind == HTH_SLOT_TPM;
    hth_put_le32(p + 16, tpm ? s->face.pcrs : s->cost.passes);
    hth_put_le32(p + 20, tpm ? (s->face.pin ? PIN : 0) : s->cost.memory_kib);
    memcpy(p + 24, s->salt, sizeof s->salt);
}

void hth_slot_bound(uint8_t out[HTH_SLOT_BOUND], const HthRing *r, const HthRingSlot *s) {
    memcpy(out, r->id, HTH_RING_ID);
    slot_front(out + HTH_RING_ID, s);
}

static bool all_zero(const uint8_t *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (p[i]) return false;
    return true;
}

/* Bytes 16 to 23 of a slot, by its kind. */
static bool terms_parse(HthRingSlot *s, uint32_t a, uint32_t b) {
    switch (s->face.kind) {
    case HTH_SLOT_PASSPHRASE:
        s->cost = (HthArgon){ a, b };
        return a >= 1 && a <= PASSES_MAX && b >= MEMORY_MIN_KIB && b <= MEMORY_MAX_KIB;
    case HTH_SLOT_FILE: return !a && !b;
    case HTH_SLOT_TPM:
        s->face.pcrs = a;
        s->face.pin = b & PIN;
        return a < 1u << HTH_TPM_PCRS && b <= PIN;
    default: return false;
    }
}

static bool tpm_parse(HthTpmSealed *t, const uint8_t p[TPM]) {
    t->public_n = (uint16_t)(p[0] | p[1] << 8);
    t->private_n = (uint16_t)(p[2] | p[3] << 8);
    memcpy(t->parent, p + 4, sizeof t->parent);
    memcpy(t->object, p + TPM_OBJECT_AT, sizeof t->object);
    const size_t n = (size_t)t->public_n + t->private_n;
    return n <= sizeof t->object && all_zero(t->object + n, sizeof t->object - n);
}

/* Bytes of the slot at p; 0: it is none. */
static size_t slot_parse(HthRingSlot *s, const uint8_t *p, size_t n) {
    if (n < SLOT) return 0;
    s->face = (HthKeySlot){ .kind = (HthSlotKind)hth_le32(p),
                            .number = hth_le32(p + 4),
                            .created_s = (int64_t)hth_le64(p + 8) };
    memcpy(s->salt, p + 24, sizeof s->salt);
    memcpy(s->nonce, p + BOUND, sizeof s->nonce);
    memcpy(s->sealed, p + SEALED_AT, sizeof s->sealed);
    const size_t end = SEALED_AT + HTH_RING_SEALED, bytes = slot_bytes(s->face.kind);
    if (!terms_parse(s, hth_le32(p + 16), hth_le32(p + 20)) || !all_zero(p + end, SLOT - end) ||
        n < bytes || (bytes > SLOT && !tpm_parse(&s->tpm, p + SLOT)))
        return 0;
    return bytes;
}

static uint32_t version_of(const HthRing *r) {
    for (uint32_t i = 0; i < r->count; i++)
        if (r->slots[i].face.kind == HTH_SLOT_TPM) return 2;
    return 1;
}

HthStatus hth_ring_parse(HthRing *out, HthStr bytes, HthErr *err) {
    const uint8_t *p = (const uint8_t *)bytes.p;
    uint8_t sum[HTH_HASH_BYTES];
    HthRing r = { 0 };
    HTH_REQUIRE(bytes.n >= HEAD + SLOT + TAIL && memcmp(p, magic, sizeof magic) == 0, err,
                HTH_EFORMAT, "the keyring is not one of hearth's, or it was cut off");
    hth_hash(HTH_SHA256, p, bytes.n - sizeof sum, sum);
    HTH_REQUIRE(memcmp(sum, p + bytes.n - sizeof sum, sizeof sum) == 0, err, HTH_EFORMAT,
                "the keyring is damaged: put back a copy of it");
    const uint32_t version = hth_le32(p + 16);
    HTH_REQUIRE(version >= 1 && version <= VERSION_MAX, err, HTH_EFORMAT,
                "the keyring was written by a newer hearth (version %u, this one knows %d)",
                version, VERSION_MAX);
    r.count = hth_le32(p + 20);
    HTH_REQUIRE(r.count >= 1 && r.count <= HTH_SLOTS_MAX, err, HTH_EFORMAT,
                "the keyring has %u slots, and may have %d", r.count, HTH_SLOTS_MAX);
    r.generation = hth_le64(p + 24) & ~SEALED_ONLY;
    r.sealed_only = (hth_le64(p + 24) & SEALED_ONLY) != 0;
    memcpy(r.id, p + 32, sizeof r.id);
    memcpy(r.mac, p + bytes.n - TAIL, sizeof r.mac);
    size_t at = HEAD;
    for (uint32_t i = 0; i < r.count; i++) {
        const size_t n = slot_parse(&r.slots[i], p + at, bytes.n - TAIL - at);
        HTH_REQUIRE(n, err, HTH_EFORMAT,
                    "slot %u of the keyring is of a kind or cost that this hearth does not know",
                    i + 1);
        at += n;
    }
    HTH_REQUIRE(at == bytes.n - TAIL && version == version_of(&r), err, HTH_EFORMAT,
                "the keyring's slots are not those of its length and version");
    *out = r;
    return HTH_OK;
}

static void tpm_print(uint8_t p[TPM], const HthTpmSealed *t) {
    p[0] = (uint8_t)t->public_n;
    p[1] = (uint8_t)(t->public_n >> 8);
    p[2] = (uint8_t)t->private_n;
    p[3] = (uint8_t)(t->private_n >> 8);
    memcpy(p + 4, t->parent, sizeof t->parent);
    memcpy(p + TPM_OBJECT_AT, t->object, sizeof t->object);
}

/* All but the tail, into bytes of that length. */
static void print_body(uint8_t *p, const HthRing *r) {
    memset(p, 0, body_bytes(r));
    memcpy(p, magic, sizeof magic);
    hth_put_le32(p + 16, version_of(r));
    hth_put_le32(p + 20, r->count);
    hth_put_le64(p + 24, r->generation | (r->sealed_only ? SEALED_ONLY : 0));
    memcpy(p + 32, r->id, sizeof r->id);
    uint8_t *s = p + HEAD;
    for (uint32_t i = 0; i < r->count; i++) {
        slot_front(s, &r->slots[i]);
        memcpy(s + BOUND, r->slots[i].nonce, HTH_RING_NONCE);
        memcpy(s + SEALED_AT, r->slots[i].sealed, HTH_RING_SEALED);
        if (r->slots[i].face.kind == HTH_SLOT_TPM) tpm_print(s + SLOT, &r->slots[i].tpm);
        s += slot_bytes(r->slots[i].face.kind);
    }
}

void hth_ring_derive(const uint8_t *root, const uint8_t id[HTH_RING_ID], const char *info,
                     uint8_t out[HTH_RING_KEY_BYTES]) {
    hth_hkdf(out, HTH_RING_KEY_BYTES, root, HTH_RING_KEY_BYTES, id, HTH_RING_ID, hth_str(info));
}

static void mac_of(uint8_t out[HTH_HASH_BYTES], const uint8_t *body, size_t n, const HthRing *r,
                   const uint8_t *root) {
    uint8_t key[HTH_RING_KEY_BYTES];
    hth_ring_derive(root, r->id, "hearth keyring v1 slots", key);
    hth_hmac_sha256(out, key, sizeof key, body, n);
    hth_secret_wipe(key, sizeof key);
}

bool hth_ring_mac_ok(const HthRing *r, const uint8_t *root) {
    uint8_t body[HEAD + HTH_SLOTS_MAX * (SLOT + TPM)], mac[HTH_HASH_BYTES];
    print_body(body, r);
    mac_of(mac, body, body_bytes(r), r, root);
    return hth_secret_equal(mac, r->mac, sizeof mac);
}

HthStatus hth_ring_print(HthBuf *out, const HthRing *r, const uint8_t *root, HthErr *err) {
    const size_t body = body_bytes(r), n = body + TAIL;
    HTH_TRY(hth_buf_reserve(out, n, err));
    uint8_t *p = (uint8_t *)out->p + out->n;
    print_body(p, r);
    mac_of(p + body, p, body, r, root);
    hth_hash(HTH_SHA256, p, n - HTH_HASH_BYTES, p + n - HTH_HASH_BYTES);
    out->n += n;
    out->p[out->n] = '\0';
    return HTH_OK;
}
