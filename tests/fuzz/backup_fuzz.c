/* backup_fuzz.c - what age opened, from a stranger who knew whom to seal for: an archive, a head of
 * one, a list that is signed.
 *
 * The first byte picks: 'A', 'H', 'L'.  Archives are only looked at. What is taken of a list is
 * written, and is then taken as the same.
 *
 * Thread: one. */
#include <string.h>

#include "audit/dsse.h"
#include "audit/keyfile.h"
#include "backup/intake.h"
#include "backup/tar.h"
#include "base/mem.h"
#include "support/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { IN_MAX = 1 << 20, OUT_MAX = 1 << 23 };
static uint8_t secret[1][HTH_AGE_KEY_BYTES] = { { 1, 2, 3 } }, recipient[1][HTH_AGE_KEY_BYTES];

static void archive(HthStr bytes) {
    Memory m = { .at = 0 };
    HthErr err = { 0 };
    HthAgeOut *age = NULL;
    hth_buf_init(&m.b, OUT_MAX);
    hth_x25519_base(recipient[0], secret[0]);
    const HthAgeTo to = { .recipients = recipient, .count = 1, .sink = memory_sink, .payload = &m };
    HTH_ASSERT(hth_age_out_open(&age, &to, &err) == HTH_OK);
    HTH_ASSERT(hth_age_out_add(age, bytes.p, bytes.n, &err) == HTH_OK);
    HTH_ASSERT(hth_age_out_end(&age, &err) == HTH_OK);
    const HthRestoreCfg cfg = {
        .from = { .identities = secret, .count = 1, .source = memory_source, .payload = &m }
    };
    HthIntake in = { .cfg = &cfg };
    if (hth_intake(&in, &err) == HTH_OK)
        HTH_ASSERT(json_array_size(in.list.objects) == in.report.files && in.report.signer[0]);
    else
        HTH_ASSERT(err.text[0]);
    HTH_ASSERT(in.report.bytes <= bytes.n);
    hth_inventory_drop(&in.list);
    hth_buf_drop(&m.b);
}

static void head(HthStr bytes) {
    HthTarHead h;
    HthErr err = { 0 };
    if (bytes.n < HTH_TAR_BLOCK) return;
    if (hth_tar_parse(&h, (const uint8_t *)bytes.p, &err) != HTH_OK) {
        HTH_ASSERT(err.text[0]);
        return;
    }
    HTH_ASSERT(h.end || hth_tar_name_ok(hth_str(h.name)));
    HTH_ASSERT((h.bytes + hth_tar_padding(h.bytes)) % HTH_TAR_BLOCK == 0);
}

static HthStatus read_list(HthInventory *m, const HthVkey *by, const HthBuf *text, HthErr *err) {
    const HthStatus status = hth_inventory_read(m, hth_buf_str(text), by, err);
    HTH_ASSERT(status == HTH_OK || err->text[0]);
    return status;
}

static void list(HthStr payload) {
    static const uint8_t seed[HTH_SEED_BYTES] = { 7 };
    HthSigner *key = NULL;
    HthVkey vkey;
    HthErr err = { 0 };
    HthInventory m = { 0 }, again = { 0 };
    char id[HTH_KEY_ID_TEXT];
    json_t *envelope = NULL;
    HthBuf text;
    hth_buf_init(&text, OUT_MAX);
    HTH_ASSERT(hth_signer_open(&key, seed, &err) == HTH_OK);
    HTH_ASSERT(hth_vkey_make(&vkey, HTH_STR("a/b"), hth_signer_public(key), &err) == HTH_OK);
    hth_vkey_id(id, &vkey);
    const HthDsseSigner by = { key, hth_str(id) };
    HTH_ASSERT(hth_dsse_sign(&envelope, HTH_STR(HTH_INVENTORY_TYPE), payload, &by, 1, &err) ==
               HTH_OK);
    HTH_ASSERT(hth_json_write(&text, envelope, 0, &err) == HTH_OK);
    json_decref(envelope);
    if (read_list(&m, &vkey, &text, &err) == HTH_OK) {
        hth_buf_clear(&text);
        HTH_ASSERT(hth_inventory_print(&text, &m, key, &err) == HTH_OK);
        HTH_ASSERT(read_list(&again, &vkey, &text, &err) == HTH_OK);
        HTH_ASSERT(json_equal(again.objects, m.objects) && again.made_s == m.made_s);
        HTH_ASSERT(memcmp(again.log.root, m.log.root, sizeof m.log.root) == 0);
        hth_inventory_drop(&again);
    }
    hth_inventory_drop(&m);
    hth_signer_close(&key);
    hth_buf_drop(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size || size > IN_MAX) return 0;
    const HthStr bytes = { (const char *)data + 1, size - 1 };
    hth_json_init();
    const uint64_t live = hth_mem_live();
    switch (data[0]) {
    case 'H': head(bytes); break;
    case 'L': list(bytes); break;
    default: archive(bytes); break;
    }
    HTH_ASSERT(hth_mem_live() == live);
    return 0;
}
