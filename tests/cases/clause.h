/* clause.h: which case is for which demand. */
#ifndef PIRN_TESTS_CLAUSE_H
#define PIRN_TESTS_CLAUSE_H

#include "case.h"

/* Appends the tables of README.md: each clause of directory/clauses.psv with its cases, then what
 * else the cases name (Autobahn's cases, known vulnerabilities, trust tests). Returns false, and
 * says why, when a clause has no case or a case names a clause that is not there. */
bool clause_table(const char *directory, const struct case_list *list, struct buffer *table);

#endif
