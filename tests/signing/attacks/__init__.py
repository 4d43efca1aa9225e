"""The attack catalogue: each attack by name, with its source, its forged sample and the refusal that it must meet."""
