"""The README tells what is in the catalogue, and tells it rightly."""

from tests.schemas import table


def test_the_table_in_the_readme_is_what_its_command_prints():
    text = table.README.read_text("utf-8")
    told = text.partition(f"{table.SECTION}\n\n")[2].partition("\n## ")[0]
    assert told.strip() == table.table().strip(), f"run: {table.COMMAND} --write"
