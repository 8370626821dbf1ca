"""HTTP and the socket.

- ``services``   what handlers may use
- ``origin``     pure: host, origin and client address of a request
- ``assets``     the built page, in memory
- ``cookie``     the session cookie
- ``handler``    the closed base classes: host, identity, origin, rate, headers, problems
- ``views``      the API's structs; the page's types are made from them
- ``pages`` ``login`` ``api`` ``sessions`` ``terminals`` ``events`` ``socket`` ``health``
- ``app``        the one route table
"""
