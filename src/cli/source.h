/* source.h - where a model comes from: a file, or the one embedded in this program.
 *
 * Both calls print the sentence and return an exit code; 0 is success.
 *
 * Thread: the main thread. */
#ifndef HTH_CLI_SOURCE_H
#define HTH_CLI_SOURCE_H

#include "cli/cli.h"
#include "gguf/gguf.h"

/* The word that names the embedded model where a path is expected, if no such file exists. */
#define HTH_EMBER "ember"

/* name NULL or "ember": the embedded model. */
int hth_source_gguf(HthGguf **out, const char *name);
int hth_source_model(HthModel **out, const char *name);
bool hth_source_is_ember(const char *name);
bool hth_source_has_ember(void);
HthStr hth_source_ember(void); /* its bytes, for ever; empty: this build has none */
/* Would a person mean a model file by this word? See hearth help run. */
bool hth_source_looks_like_model(const char *word);

#endif
