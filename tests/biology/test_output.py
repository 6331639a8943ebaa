import pytest

from scgarage.errors import OutputExistsError
from scgarage.io.write import write_folder


def test_nothing_is_written_when_one_file_exists(tmp_path):
    (tmp_path / "b.txt").write_text("old")
    with pytest.raises(OutputExistsError):
        write_folder(tmp_path, {"a.txt": "new", "b.txt": "new"})
    assert not (tmp_path / "a.txt").exists()
    paths = write_folder(tmp_path, {"a.txt": "new", "b.txt": b"new"}, overwrite=True)
    assert [path.read_text() for path in paths] == ["new", "new"]
