/* forge.c - a receipt that lies, properly signed: forge RECEIPT STATE OUT AT.
 *
 * Another token id at AT (from 0), in the holder's part and in the digests that were signed; the
 * text stays.  Signed with the key of receipts in the folder STATE.  For tests of what only running
 * the model again can find.
 *
 * Thread: one. */
#include <stdio.h>
#include <stdlib.h>

#include "audit/jcs.h"
#include "audit/keyfile.h"
#include "audit/receipt_int.h"
#include "base/file.h"
#include "vault/keyring.h"

static HthErr err;

static void must(HthStatus st) {
    if (st == HTH_OK) return;
    fprintf(stderr, "forge: %s\n", err.text);
    exit(1);
}

/* The signed envelope with r's holder's part. */
static void sign(HthBuf *out, const HthReceipt *r, const HthSigner *s, const HthVkey *v) {
    char id[HTH_KEY_ID_TEXT], salt[2 * HTH_SALT_BYTES + 1];
    HthBuf statement;
    json_t *envelope = NULL, *ids = json_array();
    hth_vkey_id(id, v);
    hth_hex(salt, r->salt, HTH_SALT_BYTES);
    hth_buf_init(&statement, HTH_RECEIPT_MAX);
    must(hth_receipt_statement(&statement, &r->facts, &err));
    must(hth_dsse_sign(&envelope, HTH_STR(HTH_DSSE_IN_TOTO), hth_buf_str(&statement),
                       &(HthDsseSigner){ s, hth_str(id) }, 1, &err));
    for (size_t i = 0; i < r->facts.id_count; i++)
        json_array_append_new(ids, json_integer(r->ids[i]));
    json_object_set_new(envelope, "holder", json_pack("{s:s, s:o}", "salt", salt, "tokenIds", ids));
    must(hth_jcs_write(out, envelope, &err));
    must(hth_buf_add_char(out, '\n', &err));
    json_decref(envelope);
    hth_buf_drop(&statement);
}

static HthSigner *signer(const char *state, HthVkey *v) {
    char path[4096];
    uint8_t seal[HTH_RING_KEY_BYTES];
    HthKeyring *ring = NULL;
    HthSigner *s = NULL;
    must(hth_keyring_open(&ring, &(HthKeyringCfg){ .folder = state }, &err));
    hth_keyring_key(ring, HTH_KEY_SIGNER, seal);
    snprintf(path, sizeof path, "%s/receipt.key", state);
    must(hth_keyfile_open(&s, v, path, (HthStr){ 0 }, seal, &err));
    hth_keyring_close(&ring);
    return s;
}

int main(int argc, char **argv) {
    HthBuf text, out;
    HthReceipt *r = NULL;
    HthSigner *s = NULL;
    HthVkey v;
    if (argc != 5) return 1;
    hth_buf_init(&text, HTH_RECEIPT_MAX);
    hth_buf_init(&out, HTH_RECEIPT_MAX);
    must(hth_file_read(&text, argv[1], &err));
    must(hth_receipt_open(&r, hth_buf_str(&text), &err));
    s = signer(argv[2], &v);
    r->ids[strtoul(argv[4], NULL, 10)] ^= 1;
    must(hth_receipt_ids(&r->facts.ids, r->ids, (size_t)r->facts.id_count, &err));
    sign(&out, r, s, &v);
    must(hth_file_write(argv[3], out.p, out.n, 0600, &err));
    hth_receipt_close(&r);
    hth_signer_close(&s);
    hth_buf_drop(&text);
    hth_buf_drop(&out);
    return 0;
}
