"""Requests to the emulator, read and checked by the models of the services that botocore carries.

:mod:`.reading` turns an HTTP request into the operation and the parameters that its model describes,
:mod:`.constraints` says what of them the service would refuse.
"""
