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
    VERSION = 1,
    HEAD = 48,
    SLOT = 160,
    TAIL = 2 * HTH_HASH_BYTES, /* MAC, sum */
    BOUND = HTH_SLOT_BOUND - HTH_RING_ID,
    SEALED_AT = BOUND + HTH_RING_NONCE,
    PASSES_MAX = 64,
    MEMORY_MIN_KIB = 8,
    MEMORY_MAX_KIB = 1 << 20
};
static const char magic[16] = "hearth keyring";

static void slot_front(uint8_t p[BOUND], const HthRingSlot *s) {
    hth_put_le32(p, (uint32_t)s->face.kind);
    hth_put_le32(p + 4, s->face.number);
    hth_put_le64(p + 8, (uint64_t)s->face.created_s);
    hth_put_le32(p + 16, s->cost.passes);
    hth_put_le32(p + 20, s->cost.memory_kib);
    memcpy(p + 24, s->salt, sizeof s->salt);
}

void hth_slot_bound(uint8_t out[HTH_SLOT_BOUND], const HthRing *r, const HthRingSlot *s) {
    memcpy(out, r->id, HTH_RING_ID);
    slot_front(out + HTH_RING_ID, s);
}

static bool slot_parse(HthRingSlot *s, const uint8_t p[SLOT]) {
    static const uint8_t zero[SLOT - SEALED_AT - HTH_RING_SEALED];
    s->face = (HthSlot){ (HthSlotKind)hth_le32(p), hth_le32(p + 4), (int64_t)hth_le64(p + 8) };
    s->cost = (HthArgon){ hth_le32(p + 16), hth_le32(p + 20) };
    memcpy(s->salt, p + 24, sizeof s->salt);
    memcpy(s->nonce, p + BOUND, sizeof s->nonce);
    memcpy(s->sealed, p + SEALED_AT, sizeof s->sealed);
    if (memcmp(p + SLOT - sizeof zero, zero, sizeof zero) != 0) return false;
    if (s->face.kind == HTH_SLOT_FILE) return !s->cost.passes && !s->cost.memory_kib;
    return s->face.kind == HTH_SLOT_PASSPHRASE && s->cost.passes >= 1 &&
           s->cost.passes <= PASSES_MAX && s->cost.memory_kib >= MEMORY_MIN_KIB &&
           s->cost.memory_kib <= MEMORY_MAX_KIB;
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
    HTH_REQUIRE(hth_le32(p + 16) == VERSION, err, HTH_EFORMAT,
                "the keyring was written by a newer hearth (version %u, this one knows %d)",
                hth_le32(p + 16), VERSION);
    r.count = hth_le32(p + 20);
    HTH_REQUIRE(r.count >= 1 && r.count <= HTH_SLOTS_MAX &&
                    bytes.n == HEAD + (size_t)r.count * SLOT + TAIL,
                err, HTH_EFORMAT, "the keyring's count of slots is not that of its length");
    r.generation = hth_le64(p + 24);
    memcpy(r.id, p + 32, sizeof r.id);
    memcpy(r.mac, p + bytes.n - TAIL, sizeof r.mac);
    for (uint32_t i = 0; i < r.count; i++)
        HTH_REQUIRE(slot_parse(&r.slots[i], p + HEAD + i * SLOT), err, HTH_EFORMAT,
                    "slot %u of the keyring is of a kind or cost that this hearth does not know",
                    i + 1);
    *out = r;
    return HTH_OK;
}

/* All but the tail, into bytes of that length. */
static void print_body(uint8_t *p, const HthRing *r) {
    memset(p, 0, HEAD + (size_t)r->count * SLOT);
    memcpy(p, magic, sizeof magic);
    hth_put_le32(p + 16, VERSION);
    hth_put_le32(p + 20, r->count);
    hth_put_le64(p + 24, r->generation);
    memcpy(p + 32, r->id, sizeof r->id);
    for (uint32_t i = 0; i < r->count; i++) {
        uint8_t *s = p + HEAD + i * SLOT;
        slot_front(s, &r->slots[i]);
        memcpy(s + BOUND, r->slots[i].nonce, HTH_RING_NONCE);
        memcpy(s + SEALED_AT, r->slots[i].sealed, HTH_RING_SEALED);
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
    uint8_t body[HEAD + HTH_SLOTS_MAX * SLOT], mac[HTH_HASH_BYTES];
    print_body(body, r);
    mac_of(mac, body, HEAD + (size_t)r->count * SLOT, r, root);
    return hth_secret_equal(mac, r->mac, sizeof mac);
}

HthStatus hth_ring_print(HthBuf *out, const HthRing *r, const uint8_t *root, HthErr *err) {
    const size_t body = HEAD + (size_t)r->count * SLOT, n = body + TAIL;
    HTH_TRY(hth_buf_reserve(out, n, err));
    uint8_t *p = (uint8_t *)out->p + out->n;
    print_body(p, r);
    mac_of(p + body, p, body, r, root);
    hth_hash(HTH_SHA256, p, n - HTH_HASH_BYTES, p + n - HTH_HASH_BYTES);
    out->n += n;
    out->p[out->n] = '\0';
    return HTH_OK;
}
