"""The files of `static/`, and `/healthz`."""

from litestar import MediaType, Response, get
from litestar.params import FromPath

from admin.access import anyone
from admin.ask import Ask

FOR_EVER = "public, max-age=31536000, immutable"


@get("/static/{name:str}", guards=[anyone])
async def static(request: Ask, name: FromPath[str]) -> Response[bytes]:
    """One file: kept by the browser for as long as its version is asked for."""
    asset = request.house.templates.assets.get(name)
    if asset is None:
        return Response(b"", status_code=404, media_type=MediaType.TEXT)
    headers = {"ETag": f'"{asset.version}"', "Vary": "Accept-Encoding", "Cache-Control": "no-cache"}
    if request.query_params.get("v") == asset.version:
        headers["Cache-Control"] = FOR_EVER
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(b"", status_code=304, headers=headers, media_type=asset.type)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.packed, headers=headers | {"Content-Encoding": "gzip"}, media_type=asset.type)
    return Response(asset.data, headers=headers, media_type=asset.type)


@get("/healthz", guards=[anyone])
async def healthz() -> Response[str]:
    """That the loop turns."""
    return Response("OK\n", media_type=MediaType.TEXT)


ROUTES = (static, healthz)
