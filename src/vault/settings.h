/* settings.h - what a model's settings may be, and one set laid over another.
 *
 * The form is described in modelfile.h, where hth_settings_check is.  Private to this floor.
 *
 * Thread: any. */
#ifndef HTH_VAULT_SETTINGS_H
#define HTH_VAULT_SETTINGS_H

#include "base/json.h"

enum { HTH_PARAMETER_NAME_MAX = 63, HTH_PARAMETER_TEXTS_MAX = 64 };

bool hth_role_ok(HthStr role); /* system, user, assistant */
/* One PARAMETER as a Modelfile has it: text by the parameter's type. A second `stop` is added to
 * the first, anything else replaces. EINVAL naming the line and the parameter. */
HTH_MUST_CHECK HthStatus hth_parameter_set(json_t *parameters, const char *name, HthStr text,
                                           unsigned line, HthErr *err);
/* The shortest number that reads back as v; with a point or an exponent. */
HTH_MUST_CHECK HthStatus hth_parameter_print_real(HthBuf *out, double v, HthErr *err);
/* Members of `over` replace those of `base`, parameters one by one; `from` is not copied. A new
 * object, or NULL: out of memory. Either may be NULL. */
json_t *hth_settings_over(const json_t *base, const json_t *over);

#endif
