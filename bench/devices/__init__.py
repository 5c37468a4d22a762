"""How a job gets to run somewhere: this machine, a board over SSH, a phone over adb."""
