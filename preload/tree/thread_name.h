/* SPDX-License-Identifier: MIT */
/*
 * Names of threads, for CTRACE_THREADS. A thread is often named after its first allocation, at a time that is not
 * reported: the name is read at the first event, whenever the thread folds, and at the program's end.
 */
#ifndef CT_TREE_THREAD_NAME_H
#define CT_TREE_THREAD_NAME_H

#include "hot/thread.h"

/* Give the calling thread a root of its own in the call tree. Without memory it has that of all. */
CT_COLD void ct_thread_name_init(struct ct_thread *thread);

/* Read the calling thread's name again. */
CT_COLD void ct_thread_name_note(struct ct_thread *thread);

/* Read another thread's, if it still runs. */
CT_COLD void ct_thread_name_read(struct ct_thread *thread);

#endif
