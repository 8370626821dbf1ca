"""HTTP and the socket.

- ``services``    what handlers may use
- ``origin``      pure: host, origin and client address of a request
- ``assets``      the built page, in memory
- ``cookie``      the session cookie
- ``caller``      who sends a request: gate, login, opened links
- ``handler``     the closed base classes: host, identity, origin, rate, headers, problems
- ``views``       the API's structs; the page's types are made from them
- ``connection``  what the connections of terminals have in common: ``socket`` ``stream`` ``poll``
- ``pages`` ``login`` ``links`` ``api`` ``sessions`` ``terminals`` ``events`` ``health``
- ``app``         the one route table
"""
