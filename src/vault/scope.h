/* scope.h - roles, the verbs a key may use, the models it may ask.
 *
 * Thread: any. */
#ifndef HTH_VAULT_SCOPE_H
#define HTH_VAULT_SCOPE_H

#include "base/buf.h"

/* The numbers are in files (docs/formats/users.md). */
typedef enum HthRole {
    HTH_ROLE_USER, /* asks models, keeps conversations */
    HTH_ROLE_ADMIN, /* the same, and manages models and users */
    HTH_ROLE_AUDITOR, /* reads the log and the figures; never a prompt */
    HTH_ROLE_SERVICE, /* a program: asks models, has no conversations and no password */
    HTH_ROLE_COUNT
} HthRole;
const char *hth_role_name(HthRole role);
bool hth_role_read(HthStr name, HthRole *out); /* false: no such role */

typedef enum HthMay { /* bits, as they are in files */
                      HTH_MAY_ASK =
                          1 << 0, /* chat, completions, ranking; what was stored of an answer */
                      HTH_MAY_EMBED = 1 << 1,
                      HTH_MAY_TOKENS = 1 << 2, /* tokenize, count, render */
                      HTH_MAY_MODELS = 1 << 3, /* which there are, and what is known of them */
                      HTH_MAY_MANAGE = 1 << 4, /* create, copy, delete, upload models */
                      HTH_MAY_CHATS = 1 << 5, /* this user's conversations */
                      HTH_MAY_METRICS = 1 << 6, /* figures of the whole server */
                      HTH_MAY_AUDIT = 1 << 7, /* the log */
                      HTH_MAY_USERS = 1 << 8, /* users and keys */
                      HTH_MAY_ALL = (1 << 9) - 1
} HthMay;

enum { HTH_SCOPE_MODELS_MAX = 255 }; /* bytes */
typedef struct HthScope {
    uint32_t verbs; /* HTH_MAY_...; a role may have less */
    char models[HTH_SCOPE_MODELS_MAX + 1]; /* patterns, a blank between; "": every model */
} HthScope;

/* "ask,embed" -> bits. EINVAL: another word, or none. */
HTH_MUST_CHECK HthStatus hth_scope_verbs(HthStr text, uint32_t *out, HthErr *err);
/* The same words back, a comma between; "all". */
HTH_MUST_CHECK HthStatus hth_scope_verbs_text(uint32_t verbs, HthBuf *out, HthErr *err);
/* "qwen3*,me/x:latest" -> HthScope.models. EINVAL, ELIMIT. A '*' stands for any characters; a
 * pattern without ':' is for every tag. */
HTH_MUST_CHECK HthStatus hth_scope_models(HthStr text, char out[HTH_SCOPE_MODELS_MAX + 1],
                                          HthErr *err);
/* name: "space/name:tag", as it is resolved, never as a client spelled it. */
bool hth_scope_has_model(const HthScope *scope, HthStr name);

#endif
