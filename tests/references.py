"""Whose a reference is: one table for the SQL of the events and for the app's own checks (R4 §2.3.0.1, §3.1.0.1.3).

The server's FHIR base is BASE; each reference is to ID. "ours": of this server; "elsewhere": of another one, where the
same id is somebody else; "none": no literal reference to the type, so that nothing is known of what it means.
"""

BASE = "https://ehr.example/fhir"
ID = "p1"
OURS, ELSEWHERE, NONE = "ours", "elsewhere", "none"

#: reference with {type} and {id} -> verdict.
REFERENCES = {
    # relative to the base of the server that the resource came from
    "{type}/{id}": OURS,
    "{type}/{id}/_history/3": OURS,
    "{type}/{id}/_history/a.B-9": OURS,
    # absolute, below the base
    "https://ehr.example/fhir/{type}/{id}": OURS,
    "https://ehr.example/fhir/{type}/{id}/_history/3": OURS,
    "http://ehr.example/fhir/{type}/{id}": OURS,  # http and https never refer to different objects
    "https://EHR.Example/fhir/{type}/{id}": OURS,  # a host has no case
    "HTTPS://ehr.example/fhir/{type}/{id}": OURS,
    "https://ehr.example:443/fhir/{type}/{id}": OURS,  # the scheme's own port
    "http://ehr.example:80/fhir/{type}/{id}": OURS,
    # another port, host, path or tenant: another server, where the id is another's
    "https://ehr.example:8443/fhir/{type}/{id}": ELSEWHERE,
    "https://ehr.example:80/fhir/{type}/{id}": ELSEWHERE,
    "http://ehr.example:443/fhir/{type}/{id}": ELSEWHERE,
    "https://other.example/fhir/{type}/{id}": ELSEWHERE,
    "https://other.example/fhir/{type}/{id}/_history/3": ELSEWHERE,
    "https://ehr.example.other.example/fhir/{type}/{id}": ELSEWHERE,
    "https://files.example/{type}/{id}": ELSEWHERE,  # a listed host may take a token: it is no FHIR base for that
    "https://files.example/fhir/{type}/{id}": ELSEWHERE,
    "https://ehr.example/{type}/{id}": ELSEWHERE,
    "https://ehr.example/FHIR/{type}/{id}": ELSEWHERE,  # a path has case
    "https://ehr.example/fhir2/{type}/{id}": ELSEWHERE,
    "https://ehr.example/fhir/tenant-2/{type}/{id}": ELSEWHERE,
    "https://ehr.example/tenant-2/fhir/{type}/{id}": ELSEWHERE,
    "https://ehr.example/fhir//{type}/{id}": ELSEWHERE,  # a base has no slash at its end
    "https://ehr.example/fhir/../fhir/{type}/{id}": ELSEWHERE,
    "https://ehr.example/%66hir/{type}/{id}": ELSEWHERE,
    "https://ehr.example/fhir/{type}/{id}/{type}/{id}": ELSEWHERE,
    # made to look like ours
    "https://ehr.example@other.example/fhir/{type}/{id}": ELSEWHERE,
    "https://user@ehr.example/fhir/{type}/{id}": ELSEWHERE,
    "https://ehr.example\\@other.example/fhir/{type}/{id}": ELSEWHERE,
    "https://other.example/https://ehr.example/fhir/{type}/{id}": ELSEWHERE,
    "https://ehr.example./fhir/{type}/{id}": ELSEWHERE,
    # no literal reference
    "#{id}": NONE,
    "urn:uuid:{id}": NONE,
    "urn:oid:1.2.3": NONE,
    "/{type}/{id}": NONE,
    "//ehr.example/fhir/{type}/{id}": NONE,
    "ehr.example/fhir/{type}/{id}": NONE,
    "ftp://ehr.example/fhir/{type}/{id}": NONE,
    "{type}/{id}/": NONE,
    "{type}/{id}/_history/": NONE,
    "{type}/{id}/_history/3/x": NONE,
    "{type}/{id}?x=1": NONE,
    "{type}/{id}#x": NONE,
    "{type}?identifier=x|{id}": NONE,
    "https://ehr.example/fhir?x=/{type}/{id}": NONE,
    "https://ehr.example/fhir#/{type}/{id}": NONE,
    "{type}/../{type}/{id}": NONE,
    "My{type}/{id}": NONE,
    "{type}/": NONE,
    "{type}": NONE,
    "Group/{id}": NONE,
    "": NONE,
}


def written(template: str, resource_type: str, ident: str = ID) -> str:
    return template.format(type=resource_type, id=ident)
