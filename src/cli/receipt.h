/* receipt.h - hearth run --receipt: what was answered, signed, in a file beside the answer.
 *
 * Without the server's floors there are no keys, and so no receipts: then run has no such option.
 *
 * Thread: the main thread. */
#ifndef HTH_CLI_RECEIPT_H
#define HTH_CLI_RECEIPT_H

#include "cli/chat.h"
#ifdef HTH_HAVE_SERVER
#include "audit/note.h"
#endif

#define HTH_RECEIPT_KEY  "receipt.key" /* in the state folder; 0600 */
#define HTH_RECEIPT_VKEY "receipt.vkey" /* its public half, and whoever else is trusted */

struct HthKeyring; /* vault/keyring.h */
typedef struct HthCliReceipt HthCliReceipt;

#ifdef HTH_HAVE_SERVER
/* The key that signs receipts, at its usual place, made where there is none; sealed with ring, or
 * with the keyring that is opened for it (NULL). */
HTH_MUST_CHECK HthStatus hth_cli_receipt_key(HthSigner **signer, HthVkey *vkey,
                                             const struct HthKeyring *ring, HthErr *err);
/* Outside the cage: finds or makes the key, tells what this program is, and with `caged` tries the
 * cage.  path is borrowed.  EIO, EDENIED: the key cannot be had, or the folder of path not be
 * written. */
HTH_MUST_CHECK HthStatus hth_cli_receipt_open(HthCliReceipt **out, const char *path, bool caged,
                                              HthErr *err);
/* After the answer, in the cage: the conversation's last turn was `a`. */
HTH_MUST_CHECK HthStatus hth_cli_receipt_write(HthCliReceipt *r, const HthChat *c,
                                               const HthAnswer *a, HthErr *err);
void hth_cli_receipt_close(HthCliReceipt **r);
/* The type of cache of c's session. */
HTH_MUST_CHECK HthStatus hth_cli_receipt_kv(const HthChat *c, const char **out, HthErr *err);
/* The template c renders prompts with; empty: none. */
HthStr hth_cli_receipt_template(const HthChat *c);
#else
static inline HthStatus hth_cli_receipt_open(HthCliReceipt **out, const char *path, bool caged,
                                             HthErr *err) {
    (void)out, (void)path, (void)caged;
    return HTH_FAIL(err, HTH_ENOTSUP, "this build has no receipts");
}
static inline HthStatus hth_cli_receipt_write(HthCliReceipt *r, const HthChat *c,
                                              const HthAnswer *a, HthErr *err) {
    (void)r, (void)c, (void)a;
    return HTH_FAIL(err, HTH_ENOTSUP, "this build has no receipts");
}
static inline void hth_cli_receipt_close(HthCliReceipt **r) {
    (void)r;
}
#endif

#endif
