"""`python -m moorage`, where the command `moorage` is not installed: in a hub's pod, whose copy is a folder."""

from moorage.cli import main

if __name__ == "__main__":
    main(prog_name="moorage")
