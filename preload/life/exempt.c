/* SPDX-License-Identifier: MIT */
#include "life/exempt.h"

#include <elf.h>
#include <link.h>
#include <sched.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

#include "ctrace/note.h"
#include "sys/environment.h"
#include "sys/loader.h"
#include "sys/sys.h"

/*
 * getauxval uses the loader's own pointer to the auxiliary vector. The vector could not be found behind the environment
 * once a variable has been removed, and a privileged program may not be allowed to read /proc/self/auxv.
 */
static bool is_privileged(void)
{
	return getauxval(AT_SECURE) != 0;
}

static uintptr_t aligned(uintptr_t bytes, uintptr_t alignment)
{
	return (bytes + alignment - 1) & ~(alignment - 1);
}

static bool holds_note(const char *notes, uint64_t bytes, uint64_t alignment)
{
	static const char owner[] = CT_NOTE_OWNER;
	while (bytes >= sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *note = (const void *)notes;
		uint64_t length = sizeof(*note) + aligned(note->n_namesz, 4);
		length = aligned(length, alignment) + aligned(note->n_descsz, alignment);
		if (length > bytes)
			return false;
		if (note->n_type == CT_NOTE_PROGRAM && note->n_namesz == sizeof(owner) &&
		    !memcmp(note + 1, owner, sizeof(owner)))
			return true;
		notes += length;
		bytes -= length;
	}
	return false;
}

/* Is this part of the program loaded? Notes need not be. */
static bool is_loaded(const ElfW(Phdr) * headers, size_t count, const ElfW(Phdr) * part)
{
	for (size_t i = 0; i < count; i++)
		if (headers[i].p_type == PT_LOAD && headers[i].p_flags & PF_R && part->p_vaddr >= headers[i].p_vaddr &&
		    part->p_vaddr - headers[i].p_vaddr <= headers[i].p_filesz &&
		    part->p_filesz <= headers[i].p_filesz - (part->p_vaddr - headers[i].p_vaddr))
			return true;
	return false;
}

/* Is this process running the ctrace program? Reads memory, because the program's file may be gone or out of reach. */
static bool is_ctrace(void)
{
	const ElfW(Phdr) *headers = (const void *)getauxval(AT_PHDR);
	size_t count = headers ? getauxval(AT_PHNUM) : 0;
	uintptr_t bias = 0;
	for (size_t i = 0; i < count; i++)
		if (headers[i].p_type == PT_PHDR)
			bias = (uintptr_t)headers - headers[i].p_vaddr;
	for (size_t i = 0; i < count; i++)
		if (headers[i].p_type == PT_NOTE && is_loaded(headers, count, &headers[i]) &&
		    holds_note((const char *)bias + headers[i].p_vaddr, headers[i].p_filesz,
			       headers[i].p_align == 8 ? 8 : 4))
			return true;
	return false;
}

/* Is the command line `ctrace export --at-exit ...`? */
static bool is_exporting(void)
{
	const uintptr_t *start = ct_loader_stack();
	const char *const *argument = (const char *const *)(start + 1);
	for (; *argument; argument++)
		if (!strcmp(*argument, "--at-exit"))
			return true;
	return false;
}

bool ct_exempt(char **variables)
{
	if (is_privileged()) {
		ct_environment_clear(variables);
		return true;
	}
	return ct_environment_get(variables, CT_EXPORTER_VARIABLE) ||
	       ct_syscall3(SYS_prctl, PR_GET_TIMERSLACK, 0, 0) == CT_EXPORTER_SLACK_NS ||
	       (is_ctrace() && (!ct_environment_preloads(variables) || is_exporting()));
}

/* Real-time processes have no timer slack. An exporter need not hurry, so it becomes an ordinary process. */
void ct_exempt_mark(void)
{
	static const struct sched_param none = {0};
	ct_syscall3(SYS_sched_setscheduler, 0, SCHED_OTHER, &none);
	ct_syscall3(SYS_prctl, PR_SET_TIMERSLACK, CT_EXPORTER_SLACK_NS, 0);
}
