"""The signing room: who signed what, judged against a policy; and what we sign ourselves."""
