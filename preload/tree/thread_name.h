/* SPDX-License-Identifier: MIT */
/*
 * Names of threads, for CTRACE_THREADS. Many threads get their name only after their first allocation, and nothing
 * reports when. So the name is read at the first event, whenever the thread folds, and at the program's end.
 */
#ifndef CT_TREE_THREAD_NAME_H
#define CT_TREE_THREAD_NAME_H

#include "hot/thread.h"

/* Give the calling thread a root of its own in the call tree. Without memory it shares the common root. */
CT_COLD void ct_thread_name_init(struct ct_thread *thread);

/* Read the calling thread's name again. */
CT_COLD void ct_thread_name_note(struct ct_thread *thread);

/* Read the name of another thread, if it still runs. The caller holds ct_lock_thread. */
CT_COLD void ct_thread_name_read(struct ct_thread *thread);

#endif
