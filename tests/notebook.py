"""What the child programs of the IPython and Jupyter tests have in common."""

IPYTHON = """
import asyncio, os, signal, threading
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
shell.run_cell("from gochan import *").raise_error()
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)

def cell(source):
    '''As ipykernel does it: every cell runs under a loop that is running already.'''
    async def main():
        asyncio.get_running_loop()
        return await shell.run_cell_async(source, transformed_cell=shell.transform_cell(source))
    return loop.run_until_complete(main())
"""
