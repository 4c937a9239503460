/* caged.h - this program in a cage: what a verb still has to open, and nothing more.
 *
 * Whatever reads files from elsewhere (models, templates, texts) closes the cage first, as an
 * engine: no network, no other program, no file but those the command line names. There is no way
 * back; what a chat wants later, it asks of a keeper (keeper.h).
 *
 * Thread: the main thread, before there are others. */
#ifndef HTH_CLI_CAGED_H
#define HTH_CLI_CAGED_H

#include "cage/cage.h"
#include "cli/cli.h"

enum { HTH_CAGED_NAMES = 64 };

/* All borrowed, NULL where there is none; "-" and ember are no files. */
typedef struct HthCaged {
    const char *models[HTH_CAGED_NAMES]; /* with their parts and panels */
    const char *reads[HTH_CAGED_NAMES]; /* files or folders */
    const char *const *more; /* more of them */
    size_t more_count;
    const char
        *writes[HTH_CAGED_NAMES]; /* files that will be written: others in their folders too */
    const char *keeps[HTH_CAGED_NAMES]; /* files that are there and are read and written */
    const char *makes[HTH_CAGED_NAMES]; /* folders in which files are made */
    const char *trees[HTH_CAGED_NAMES]; /* folders in which files and folders are made */
    const char *removes; /* a folder from which files are removed, and nothing else */
    bool front; /* a server's that has its listeners */
    bool main; /* a server's that only waits; neither: an engine */
    const char *lost; /* what is said with `off`; NULL: the usual */
    bool terminal; /* a line editor will open its settings */
    bool off; /* --no-cage */
} HthCaged;

/* The option that every such verb has, and what it says. */
#define HTH_CAGED_HELP "do without the cage, and say what that means"

/* Closes the cage; an exit code, the sentence printed. With `off` says on standard error what is
 * lost and closes none. Called again it closes a second one inside: what both allow is left. */
int hth_caged(const HthCaged *c);
/* Makes a folder that is to be one of the trees, with those above it. In the cage it is too late;
 * what cannot be made is missed when it is needed. */
void hth_caged_tree(const char *path);
bool hth_caged_off(bool asked); /* --no-cage, or $HEARTH_NO_CAGE */

/* For whoever tells about this process: NULL while it is not in a cage. */
const HthCageState *hth_caged_state(void);

#endif
