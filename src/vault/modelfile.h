/* modelfile.h - Modelfiles: reading them, writing them, and what a model's settings may be.
 *
 * Both sides know one form of settings, a JSON object with these members and no others, each of
 * them optional:
 *
 *   from        string: a model's name, or a file as the Modelfile gives it
 *   template    string: a chat template
 *   system      string
 *   license     array of strings
 *   parameters  object: name -> number, string, boolean, or array of strings (stop)
 *   messages    array of {role, content}
 *   adapter     string
 *   requires    string: a version
 *
 * Thread: any. */
#ifndef HTH_VAULT_MODELFILE_H
#define HTH_VAULT_MODELFILE_H

#include "base/json.h"

enum { HTH_MODELFILE_MAX = 4 << 20 /* bytes of a Modelfile or of settings as JSON */ };

/* On success *out owns a settings object that has passed hth_settings_check and has a `from`.
 * EFORMAT with the line; ELIMIT. */
HTH_MUST_CHECK HthStatus hth_modelfile_parse(json_t **out, HthStr text, HthErr *err);
/* Appends a Modelfile; what it prints reads back the same. EINVAL for a text that no Modelfile can
 * hold: one with three quotation marks in a row. */
HTH_MUST_CHECK HthStatus hth_modelfile_print(HthBuf *out, const json_t *settings, HthErr *err);
/* The PARAMETER lines alone, as `show` lists them: name, blanks to column 31, value. */
HTH_MUST_CHECK HthStatus hth_parameters_print(HthBuf *out, const json_t *parameters, HthErr *err);

/* Types, known parameter names, roles, sizes. Unknown members of the object itself are left alone.
 * EINVAL naming the member (or the parameter, when it is a known one). */
HTH_MUST_CHECK HthStatus hth_settings_check(const json_t *settings, HthErr *err);

typedef enum HthTemplateKind {
    HTH_TEMPLATE_NONE, /* none given: the model file's own */
    HTH_TEMPLATE_JINJA,
    HTH_TEMPLATE_GO /* Ollama's language: kept and shown; hearth cannot run it */
} HthTemplateKind;
HthTemplateKind hth_template_kind(HthStr text);

#endif
