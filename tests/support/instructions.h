/* instructions.h: what a piece of work costs, in instructions: the same on every run, however busy
 * the machine is. */
#ifndef PIRN_TESTS_INSTRUCTIONS_H
#define PIRN_TESTS_INSTRUCTIONS_H

#include <stddef.h>
#include <stdint.h>

typedef void work_fn(size_t size);

/* Runs work(size) in a child, step by step; ten thousand and more take a second. 0: this system
 * does not let a process watch its child. */
uint64_t instructions_of(work_fn *work, size_t size);

#endif
